// The numbers of interfaces: the loopback is one of them.

/// Which interface: cards from 0 on, and the loopback.
public struct InterfaceID: Hashable, Sendable {
    /// As programs see it.
    public let rawValue: UInt8

    @inline(__always) public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Card number `index`, in the order in which cards were added.
    @inline(__always) public static func card(_ index: Int) -> InterfaceID {
        InterfaceID(rawValue: UInt8(truncatingIfNeeded: index))
    }

    public static let loopback = InterfaceID(rawValue: 255)

    @inline(__always) public var isLoopback: Bool { rawValue == 255 }

    /// The place in the table of interfaces: the loopback is the first.
    @inline(__always) var place: Int { Int(rawValue &+ 1) }

    @inline(__always) init(place: Int) { self.init(rawValue: UInt8(truncatingIfNeeded: place) &- 1) }
}
