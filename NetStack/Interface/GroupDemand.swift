// The groups of the bound sockets, counted, so that a card's filter is made without a look at every socket.

struct GroupDemand {
    private struct Group {
        var address = IPAddress.unspecified
        var sockets = 0
    }

    private var groups = InlineArray<8, Group>(repeating: Group())
    /// Sockets bound to any address, which may hear any group, and those to groups beyond the table.
    private var others = 0

    /// A socket is bound to this address.
    mutating func add(_ address: IPAddress) { change(address, by: 1) }

    /// A socket is no longer bound to this address.
    mutating func remove(_ address: IPAddress) { change(address, by: -1) }

    private mutating func change(_ address: IPAddress, by difference: Int) {
        if address.isUnspecified {
            others += difference
            return
        }
        guard address.isMulticast else { return }
        var free: Int?
        for i in 0..<8 {
            if groups[i].sockets > 0, groups[i].address == address {
                groups[i].sockets += difference
                return
            }
            if groups[i].sockets == 0 { free = i }
        }
        guard difference > 0, let free else {
            others += difference
            return
        }
        groups[free] = Group(address: address, sockets: difference)
    }

    /// The filter that lets these groups through.
    func filter(isPromiscuous: Bool) -> ReceiveFilter {
        var filter = ReceiveFilter()
        filter.isPromiscuous = isPromiscuous
        filter.takesAllGroups = others > 0
        for i in 0..<8 where groups[i].sockets > 0 {
            if let group = groups[i].address.ipv4 { filter.insert(EthernetAddress(group: group)) }
        }
        return filter
    }
}

extension NetStack where Device: ~Copyable {
    /// Tells the cards what sockets and captures want now, if that is something new.
    @inline(never)
    mutating func updateFilter() {
        let wanted = sockets.groups.filter(isPromiscuous: isCapturing)
        guard wanted != filter else { return }
        filter = wanted
        for i in 0..<devices.count { devices[i].accept(wanted) }
    }
}
