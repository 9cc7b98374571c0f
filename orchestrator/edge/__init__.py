"""What stands before a front end's protocol: whom it answers, how much it takes, how long."""
