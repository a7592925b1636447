// Which frames the stack wants from its cards beside those to their own addresses and to all stations.
//
// Promise: a card may let through more than it was told to, never less; the stack looks again. The filter changes with what sockets
// and captures ask for, and a card is told only of changes.

/// What a card should let through.
public struct ReceiveFilter: Equatable, Sendable {
    /// Groups that can be named; with more of them all groups are wanted.
    public static var groupLimit: Int { 8 }

    /// Every frame on the wire, for who looks at it.
    public internal(set) var isPromiscuous = false
    /// Frames to any group.
    public internal(set) var takesAllGroups = false
    /// How many groups are named.
    public private(set) var groupCount = 0
    private var groups = InlineArray<8, EthernetAddress>(repeating: .zero)

    /// What every host wants: its own frames, broadcasts, and those to all systems (RFC 1112, 4: 224.0.0.1).
    public init() { insert(EthernetAddress(group: IPv4Address(224, 0, 0, 1))) }

    /// Group number `index`, 0 up to `groupCount`.
    public subscript(index: Int) -> EthernetAddress { index >= 0 && index < groupCount ? groups[index] : .zero }

    mutating func insert(_ group: EthernetAddress) {
        for i in 0..<groupCount where groups[i] == group { return }
        guard groupCount < Self.groupLimit else { return takesAllGroups = true }
        groups[groupCount] = group
        groupCount += 1
    }

    public static func == (a: ReceiveFilter, b: ReceiveFilter) -> Bool {
        guard a.isPromiscuous == b.isPromiscuous, a.takesAllGroups == b.takesAllGroups, a.groupCount == b.groupCount else { return false }
        for i in 0..<a.groupCount where a.groups[i] != b.groups[i] { return false }
        return true
    }
}

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
