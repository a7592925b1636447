// The groups of the bound sockets, counted, so that a card's filter is made without a look at every socket.

struct GroupDemand {
    static var limit: Int { 8 }

    private struct Group {
        var address = IPAddress.unspecified
        var sockets = 0
        /// Neighbouring routers have not been told of the last change.
        var isNews = false
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
            if groups[i].sockets > 0 || (groups[i].isNews && difference > 0), groups[i].address == address {
                groups[i].sockets += difference
                if groups[i].sockets == 0 { groups[i].isNews = true }
                return
            }
            if groups[i].sockets == 0, !groups[i].isNews { free = i }
        }
        guard difference > 0, let free else {
            others += difference
            return
        }
        groups[free] = Group(address: address, sockets: difference, isNews: true)
    }

    /// The group in a place from 0 up to `limit`; nil when it is free.
    func group(_ place: Int) -> IPv4Address? {
        groups[place].sockets > 0 || groups[place].isNews ? groups[place].address.ipv4 : nil
    }

    func isJoined(_ place: Int) -> Bool { groups[place].sockets > 0 }

    /// The next place of which routers are to be told; it counts as told then.
    mutating func takeNews() -> Int? {
        for place in 0..<Self.limit where groups[place].isNews {
            groups[place].isNews = groups[place].sockets == 0  // one that was left stays until that was said
            return place
        }
        return nil
    }

    /// That a group was left has been said: its place is free.
    mutating func free(_ place: Int) { groups[place].isNews = false }

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
        noteGroups()
        let wanted = sockets.groups.filter(isPromiscuous: isCapturing || isHeld)
        guard wanted != filter else { return }
        filter = wanted
        for i in 0..<devices.count { devices[i].accept(wanted) }
    }
}
