"""The MCP front end: three tools and one resource over the shared service."""
