"""What the agent holds on this host through netlink: addresses, routes, rules, virtual MACs; what others change."""
