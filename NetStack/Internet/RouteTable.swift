// Where packets go (RFC 1122, 3.3.1; RFC 1812, 5.2.4.3): a fixed table in which the longest prefix wins.
//
// Promise: entries stand in the order of their prefixes, the longest first, and among equals in the order in which they came: the first that
// fits is the best. The table knows nothing of links; whether an interface can carry packets is asked when a route is looked for.

/// One line of the table.
public struct RouteEntry: Equatable, Sendable {
    /// The network; bits beyond the prefix are zero.
    public var destination: IPv4Address
    /// 0 to 32; 0 is the default route.
    public var prefixLength: Int
    /// The router that takes packets there; nil: the destination itself is a neighbour.
    public var gateway: IPv4Address?
    /// The interface's number; -1 is the loopback.
    public var interface: Int
    /// Made by hand: stays when the interface's address changes.
    public var isStatic: Bool

    /// nil when the prefix length is impossible, or the address has bits beyond it.
    public init?(
        _ destination: IPv4Address, prefixLength: Int, gateway: IPv4Address? = nil, interface: Int, isStatic: Bool = false
    ) {
        guard prefixLength >= 0, prefixLength <= 32, destination.bits & ~Self.mask(prefixLength) == 0 else { return nil }
        self.destination = destination
        self.prefixLength = prefixLength
        self.gateway = gateway
        self.interface = interface
        self.isStatic = isStatic
    }

    /// The bits of an address that a prefix of 0 to 32 bits looks at.
    @inline(__always)
    public static func mask(_ prefixLength: Int) -> UInt32 {
        prefixLength <= 0 ? 0 : UInt32.max << UInt32(32 - min(32, prefixLength))
    }

    @inline(__always)
    func covers(_ address: IPv4Address) -> Bool { (address.bits ^ destination.bits) & Self.mask(prefixLength) == 0 }
}

/// The memory is the stack's: a table by value would be copied where it is looked at.
public struct RouteTable {
    public static var capacity: Int { 32 }
    static var memoryNeeded: Int { MemoryLayout<RouteEntry>.stride * capacity }

    private let entries: UnsafeMutablePointer<RouteEntry>
    public private(set) var count = 0

    init(memory: UnsafeMutableRawPointer) { entries = memory.bindMemory(to: RouteEntry.self, capacity: Self.capacity) }

    /// 0 up to `count`; nil beyond.
    public subscript(index: Int) -> RouteEntry? { index >= 0 && index < count ? entries[index] : nil }

    /// The best entry that covers a destination and whose interface `isUsable`.
    @inline(__always)
    func find(_ destination: IPv4Address, isUsable: (Int) -> Bool) -> UnsafePointer<RouteEntry>? {
        for i in 0..<count where entries[i].covers(destination) && isUsable(entries[i].interface) { return UnsafePointer(entries + i) }
        return nil
    }

    /// Adds an entry behind those that are as specific. False when the table is full or has one with this destination, prefix and
    /// interface already.
    mutating func insert(_ entry: RouteEntry) -> Bool {
        guard count < Self.capacity else { return false }
        var place = count
        for i in stride(from: count - 1, through: 0, by: -1) {
            let other = entries[i]
            if other.destination == entry.destination, other.prefixLength == entry.prefixLength, other.interface == entry.interface {
                return false
            }
            if other.prefixLength < entry.prefixLength { place = i }
        }
        for i in stride(from: count, to: place, by: -1) { (entries + i).initialize(to: entries[i - 1]) }
        (entries + place).initialize(to: entry)
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
