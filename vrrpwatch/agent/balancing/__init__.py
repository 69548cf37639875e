"""IPVS, the kernel's load balancer: virtual servers, the health of real servers, and the role of the sync daemon."""
