"""MCP as its clients see it: over sockets, in both protocol eras, from processes of its own."""
