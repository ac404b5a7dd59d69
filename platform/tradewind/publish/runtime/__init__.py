"""The programs that serve one dashboard version, each inside its own sandbox, on a Unix socket."""
