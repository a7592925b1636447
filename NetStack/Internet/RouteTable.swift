// Where packets go (RFC 1122, 3.3.1; RFC 1812, 5.2.4.3): a fixed table in which the longest prefix wins.
//
// Promise: entries stand in the order of their prefixes, the longest first, and among equals in the order in which they
// came: the first that fits is the best. The table holds nothing about links; whether an interface can carry packets is
// an argument of the look-up.

import Storage

/// One line of the table.
public struct RouteEntry: Equatable, Sendable {
    /// The network; bits beyond the prefix are zero.
    public let destination: IPAddress
    /// The bits that count: ones in front, then zeros.
    let mask: IPAddress
    /// The router that takes packets there; `::`: the destination itself is a neighbour.
    public let gateway: IPAddress
    /// 0 to 128; of an IPv4 network 96 and the bits of its mask. 96 of `::ffff:0:0` is the default route of IPv4.
    public let prefixLength: Int
    public let interface: InterfaceID
    /// Made by hand: stays when the interface's address changes.
    public let isStatic: Bool

    /// A line that is not in use.
    fileprivate init() {
        destination = .unspecified
        mask = .unspecified
        gateway = .unspecified
        prefixLength = 0
        interface = .loopback
        isStatic = false
    }

    /// nil when the prefix length is impossible, or the address has bits beyond it.
    public init?(
        _ destination: IPAddress, prefixLength: Int, gateway: IPAddress = .unspecified, interface: InterfaceID,
        isStatic: Bool = false
    ) {
        guard prefixLength >= 0, prefixLength <= 128 else { return nil }
        mask = Self.mask(prefixLength)
        guard destination.high & ~mask.high == 0, destination.low & ~mask.low == 0 else { return nil }
        self.destination = destination
        self.prefixLength = prefixLength
        self.gateway = gateway
        self.interface = interface
        self.isStatic = isStatic
    }

    /// The same for an IPv4 network, whose prefix is 0 to 32 bits long.
    public init?(
        _ destination: IPv4Address, prefixLength: Int, gateway: IPv4Address? = nil, interface: InterfaceID,
        isStatic: Bool = false
    ) {
        guard prefixLength >= 0, prefixLength <= 32 else { return nil }
        self.init(
            IPAddress(destination), prefixLength: IPAddress.mappedPrefixLength + prefixLength,
            gateway: gateway.map { IPAddress($0) } ?? .unspecified, interface: interface, isStatic: isStatic)
    }

    /// The bits of an address that a prefix of 0 to 128 bits looks at.
    static func mask(_ prefixLength: Int) -> IPAddress {
        IPAddress(high: ones(prefixLength), low: ones(prefixLength - 64))
    }

    /// So many ones in front, 0 to 64.
    private static func ones(_ count: Int) -> UInt64 { count <= 0 ? 0 : UInt64.max << UInt64(64 - min(64, count)) }

    @inline(__always)
    func covers(_ address: IPAddress) -> Bool {
        ((address.high ^ destination.high) & mask.high) | ((address.low ^ destination.low) & mask.low) == 0
    }
}

/// The bits of an IPv4 address that a prefix of 0 to 32 bits looks at.
@inline(__always)
public func ipv4Mask(_ prefixLength: Int) -> UInt32 {
    prefixLength <= 0 ? 0 : UInt32.max << UInt32(32 - min(32, prefixLength))
}

public struct RouteTable: ~Copyable {
    static var memoryNeeded: Int { TableMemory.byteCount(RouteEntry.self, StackLimit.routes) }

    private let entries: Table<RouteEntry>
    public private(set) var count = 0

    init(_ memory: inout TableMemory) {
        entries = memory.table(StackLimit.routes) { RouteEntry() }
    }

    /// 0 up to `count`; nil beyond.
    public subscript(index: Int) -> RouteEntry? { index >= 0 && index < count ? entries[index] : nil }

    /// The router of the entry at an index that `find` returned; `::` when there is none.
    @inline(__always)
    func gateway(_ index: Int) -> IPAddress { entries[index].gateway }

    @inline(__always)
    func interface(_ index: Int) -> InterfaceID { entries[index].interface }

    /// The best entry that covers a destination and whose interface `isUsable`; -1 when there is none.
    @inline(__always)
    func find(_ destination: IPAddress, isUsable: (InterfaceID) -> Bool) -> Int {
        for i in 0..<count where entries[i].covers(destination) && isUsable(entries[i].interface) { return i }
        return -1
    }

    /// Whether an address is a neighbour on this interface: the best entry for it names no router.
    func isDirect(_ address: IPAddress, on interface: InterfaceID) -> Bool {
        let i = find(address) { $0 == interface }
        return i >= 0 && entries[i].gateway.isUnspecified
    }

    /// Whether a route leads through this neighbour.
    func isGateway(_ address: IPAddress, on interface: InterfaceID) -> Bool {
        for i in 0..<count where entries[i].gateway == address && entries[i].interface == interface { return true }
        return false
    }

    /// Adds an entry behind those that are as specific. False when the table is full or has one with this destination,
    /// prefix and interface already.
    mutating func insert(_ entry: RouteEntry) -> Bool {
        guard count < StackLimit.routes else { return false }
        var place = count
        for i in stride(from: count - 1, through: 0, by: -1) {
            let other = entries[i]
            if other.destination == entry.destination, other.prefixLength == entry.prefixLength,
                other.interface == entry.interface
            {
                return false
            }
            if other.prefixLength < entry.prefixLength { place = i }
        }
        for i in stride(from: count, to: place, by: -1) { entries[i] = entries[i - 1] }
        entries[place] = entry
        count += 1
        return true
    }

    /// Takes out the entries for which `isUnwanted` says so; how many they were.
    @discardableResult
    mutating func remove(where isUnwanted: (RouteEntry) -> Bool) -> Int {
        var kept = 0
        for i in 0..<count where !isUnwanted(entries[i]) {
            entries[kept] = entries[i]
            kept += 1
        }
        let removed = count - kept
        count = kept
        return removed
    }
}
