// What the calls network_status and network_change talk about. All records are plain 64-bit words; addresses in host order.

/// What is asked about; the raw value is the call's first argument.
public enum NetworkTable: Int32, Sendable {
    /// InterfaceReport, by interface number; the last one is the loopback.
    case interfaces = 0
    /// RouteReport, the most specific first.
    case routes = 1
    /// NeighbourReport.
    case neighbours = 2
    /// SocketReport.
    case sockets = 3
    /// DropReport, by interface number; the last one is the loopback and what belongs to no interface.
    case drops = 4
    /// PacketReport: one.
    case packets = 5
}

/// What is to be changed; the raw value is the call's first argument.
public enum NetworkChange: Int32, Sendable {
    /// InterfaceReport: its number, address, prefix length and router count. DHCP then leaves the interface alone.
    case setAddress = 0
    /// RouteReport.
    case addRoute = 1
    /// RouteReport: destination and prefix length count, and the interface unless it is `RouteReport.anyInterface`.
    case deleteRoute = 2
    /// NeighbourReport: the address counts.
    case deleteNeighbour = 3
}

/// An interface. Thirteen words.
public struct InterfaceReport: Sendable, BitwiseCopyable {
    /// Number in bits 0–7, prefix length 8–15, flags 16–31 (`Flags`), capabilities 32–63 (`Capabilities`).
    private var summary: UInt64 = 0
    /// The name's bytes, the first one lowest, zeros behind: "vt0".
    public var name: UInt64 = 0
    /// The six bytes of the station address, the first one lowest.
    public var hardware: UInt64 = 0
    private var addressAndRouter: UInt64 = 0
    /// Bytes of a packet at most.
    public var mtu: UInt64 = 0
    public var packetsIn: UInt64 = 0
    public var packetsOut: UInt64 = 0
    public var bytesIn: UInt64 = 0
    public var bytesOut: UInt64 = 0
    /// Dropped for whatever reason; DropReport has the reasons.
    public var drops: UInt64 = 0
    /// Where its card is: a DeviceSpot's word; 0 for the loopback.
    public var spot: UInt64 = 0
    /// The driver's name, up to 16 bytes, the first one lowest, zeros behind.
    public var driver: (UInt64, UInt64) = (0, 0)

    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// Has an address.
        public static let up = Flags(rawValue: 1)
        /// The link is there.
        public static let running = Flags(rawValue: 2)
        public static let broadcast = Flags(rawValue: 4)
        public static let multicast = Flags(rawValue: 8)
        public static let loopback = Flags(rawValue: 16)
        /// The address is from a DHCP lease.
        public static let dynamic = Flags(rawValue: 32)
    }

    public struct Capabilities: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let checksumOut = Capabilities(rawValue: 1)
        public static let checksumIn = Capabilities(rawValue: 2)
        public static let segmentation = Capabilities(rawValue: 4)
        public static let mergedBuffers = Capabilities(rawValue: 8)
        public static let receiveFilter = Capabilities(rawValue: 16)
        public static let eventIndex = Capabilities(rawValue: 32)
        public static let indirectDescriptors = Capabilities(rawValue: 64)
    }

    public init() {}

    public var number: Int {
        get { Int(summary & 0xff) }
        set { summary = summary & ~0xff | UInt64(UInt8(truncatingIfNeeded: newValue)) }
    }
    public var prefixLength: Int {
        get { Int(summary >> 8 & 0xff) }
        set { summary = summary & ~0xff00 | UInt64(UInt8(truncatingIfNeeded: newValue)) << 8 }
    }
    public var flags: Flags {
        get { Flags(rawValue: UInt16(truncatingIfNeeded: summary >> 16)) }
        set { summary = summary & ~0xffff_0000 | UInt64(newValue.rawValue) << 16 }
    }
    public var capabilities: Capabilities {
        get { Capabilities(rawValue: UInt32(truncatingIfNeeded: summary >> 32)) }
        set { summary = summary & 0xffff_ffff | UInt64(newValue.rawValue) << 32 }
    }
    /// 0: none.
    public var address: UInt32 {
        get { UInt32(truncatingIfNeeded: addressAndRouter) }
        set { addressAndRouter = addressAndRouter & ~0xffff_ffff | UInt64(newValue) }
    }
    /// 0: none.
    public var router: UInt32 {
        get { UInt32(truncatingIfNeeded: addressAndRouter >> 32) }
        set { addressAndRouter = addressAndRouter & 0xffff_ffff | UInt64(newValue) << 32 }
    }
}

/// A line of the route table. Two words.
public struct RouteReport: Sendable, BitwiseCopyable {
    private var addresses: UInt64
    /// Prefix length in bits 0–7, interface 8–15, made by hand in bit 16.
    private var summary: UInt64

    /// As an interface: the loopback; whichever.
    public static var loopback: UInt8 { 255 }
    public static var anyInterface: UInt8 { 254 }

    /// - Parameter router: 0 for none: the destination itself is a neighbour.
    public init(destination: UInt32, prefixLength: Int, router: UInt32, interface: UInt8, isStatic: Bool = false) {
        addresses = UInt64(destination) | UInt64(router) << 32
        summary = UInt64(UInt8(truncatingIfNeeded: prefixLength)) | UInt64(interface) << 8 | (isStatic ? 1 << 16 : 0)
    }

    public var destination: UInt32 { UInt32(truncatingIfNeeded: addresses) }
    public var router: UInt32 { UInt32(truncatingIfNeeded: addresses >> 32) }
    public var prefixLength: Int { Int(summary & 0xff) }
    public var interface: UInt8 { UInt8(truncatingIfNeeded: summary >> 8) }
    public var isStatic: Bool { summary >> 16 & 1 != 0 }
}

/// A neighbour as ARP knows it. Three words.
public struct NeighbourReport: Sendable, BitwiseCopyable {
    /// Address in the low half; interface in bits 32–39; whether the Ethernet address is known in bit 40.
    private var summary: UInt64
    /// Six bytes, the first one lowest.
    public let hardware: UInt64
    /// Seconds for which it is believed without asking; 0: being asked.
    public let secondsLeft: UInt64

    public init(address: UInt32, interface: UInt8 = 0, hardware: UInt64? = nil, secondsLeft: UInt64 = 0) {
        summary = UInt64(address) | UInt64(interface) << 32 | (hardware != nil ? 1 << 40 : 0)
        self.hardware = hardware ?? 0
        self.secondsLeft = secondsLeft
    }

    public var address: UInt32 { UInt32(truncatingIfNeeded: summary) }
    public var interface: UInt8 { UInt8(truncatingIfNeeded: summary >> 32) }
    public var isKnown: Bool { summary >> 40 & 1 != 0 }
}

/// An open socket. Four words.
public struct SocketStatus: Sendable, BitwiseCopyable {
    /// SocketName words; a remote port 0 says that it is not connected.
    public var local: UInt64 = 0
    public var remote: UInt64 = 0
    /// Packets that wait to be read, in the low half; the SocketKind in the high half.
    private var summary: UInt64 = 0
    /// Datagrams that found the queue full.
    public var dropped: UInt64 = 0

    public init(kind: SocketKind, queued: Int) {
        summary = UInt64(UInt32(truncatingIfNeeded: queued)) | UInt64(UInt32(bitPattern: kind.rawValue)) << 32
    }

    public var queued: Int { Int(summary & 0xffff_ffff) }
    public var kind: SocketKind { SocketKind(rawValue: Int32(truncatingIfNeeded: summary >> 32)) ?? .datagram }
}

/// How often an interface dropped a packet, by reason: NetStack's DropReason, in its order. 64 words.
public struct DropReport: Sendable, BitwiseCopyable {
    private var counts = [64 of UInt64](repeating: 0)

    public init() {}

    /// 0 beyond 63.
    public subscript(reason: Int) -> UInt64 {
        get { reason >= 0 && reason < 64 ? counts[reason] : 0 }
        set { if reason >= 0, reason < 64 { counts[reason] = newValue } }
    }
}

/// The packets that everything shares. Four words.
public struct PacketReport: Sendable, BitwiseCopyable {
    public var total: UInt64 = 0
    public var free: UInt64 = 0
    /// The fewest that ever were free.
    public var lowWater: UInt64 = 0
    /// How often one was asked for and none was free.
    public var failures: UInt64 = 0

    public init() {}
}
