// Which frames the sockets and captures want from the cards. A card gets the filter only when it changed.

extension NetStack where Device: ~Copyable {
    /// Tells the cards what sockets and captures want now, if that is something new. A socket bound to any address may hear any group.
    @inline(never)
    mutating func updateFilter() {
        var wanted = ReceiveFilter()
        wanted.isPromiscuous = isCapturing
        for i in 0..<SocketTable.capacity {
            guard let local = sockets[i]?.pointee.local, local.port != 0 else { continue }
            if local.address == .any { wanted.takesAllGroups = true }
            if local.address.isMulticast { wanted.insert(EthernetAddress(group: local.address)) }
        }
        guard wanted != filter else { return }
        filter = wanted
        for i in 0..<interfaceCount { table[i].device.accept(wanted) }
    }
}
