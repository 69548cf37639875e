"""The lab: real keepalived, ucarp, FRR and conntrackd in network namespaces, recorded to small captures."""
