"""REST: the service in HTTP's words. `app.run` is the process, `app.build` the application."""
