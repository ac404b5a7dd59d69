"""Inside a user's sandbox: the server's lean start, the kernel, the process kernels are forked from."""
