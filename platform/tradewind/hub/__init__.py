"""JupyterHub's side of the platform: configuration, accounts, sign-in, look."""
