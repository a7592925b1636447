// Which frames the stack wants from its cards beside those to their own addresses and broadcasts.
//
// Promise: a card may let through more frames than the filter names, never fewer; the stack looks again.

/// What a card should let through.
public struct ReceiveFilter: Equatable, Sendable {
    /// Groups that can be named; with more of them all groups are wanted.
    public static var groupLimit: Int { 8 }

    /// Every frame on the wire, for captures.
    public var isPromiscuous = false
    /// Frames to any group.
    public var takesAllGroups = false
    /// How many groups are named.
    public private(set) var groupCount = 0
    private var groups = InlineArray<8, EthernetAddress>(repeating: .zero)

    /// What every host wants: its own frames, broadcasts, and those to all systems (RFC 1112, 4: 224.0.0.1).
    public init() { insert(EthernetAddress(0x01, 0x00, 0x5e, 0x00, 0x00, 0x01)) }

    /// Group number `index`, 0 up to `groupCount`.
    public subscript(index: Int) -> EthernetAddress { index >= 0 && index < groupCount ? groups[index] : .zero }

    public mutating func insert(_ group: EthernetAddress) {
        for i in 0..<groupCount where groups[i] == group { return }
        guard groupCount < Self.groupLimit else {
            takesAllGroups = true
            return
        }
        groups[groupCount] = group
        groupCount += 1
    }

    public static func == (a: ReceiveFilter, b: ReceiveFilter) -> Bool {
        guard a.isPromiscuous == b.isPromiscuous, a.takesAllGroups == b.takesAllGroups, a.groupCount == b.groupCount
        else { return false }
        for i in 0..<a.groupCount where a.groups[i] != b.groups[i] { return false }
        return true
    }
}
