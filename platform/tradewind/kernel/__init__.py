"""What runs inside a user's sandbox: the server's lean start, the kernel, and the process kernels are forked from."""
