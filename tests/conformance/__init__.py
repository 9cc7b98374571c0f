"""The Model Context Protocol's own conformance suite, run against this product's MCP server."""
