// The records of the calls network_status and network_change: fixed-width fields without padding.

/// The table that is looked at; the raw value is the call's first argument.
public enum NetworkTable: Int32, Sendable {
    /// InterfaceReport, by interface number; the last one is the loopback.
    case interfaces = 0
    /// RouteReport, the most specific first.
    case routes = 1
    /// NeighbourReport.
    case neighbours = 2
    /// SocketStatus.
    case sockets = 3
    /// DropReport, by interface number; the last one is the loopback and what belongs to no interface.
    case drops = 4
    /// PacketReport: one.
    case packets = 5
    /// NameServerReport, in the order in which they are asked.
    case nameServers = 6
    /// StreamReport: connections, listeners, half-open ones and those in TIME-WAIT.
    case connections = 7
    /// StreamCounters: one.
    case streamCounters = 8
    /// NetworkMemory: one.
    case memory = 9
}

/// The change that is made; the raw value is the call's first argument.
public enum NetworkChange: Int32, Sendable {
    /// InterfaceReport: its number, address, prefix length and router count. DHCP then leaves the interface alone.
    case setAddress = 0
    /// RouteReport.
    case addRoute = 1
    /// RouteReport: destination and prefix length count, and the interface unless it is `RouteReport.anyInterface`.
    case deleteRoute = 2
    /// NeighbourReport: the address counts.
    case deleteNeighbour = 3
    /// NeighbourReport: address and hardware count. The entry stays until it is deleted.
    case addNeighbour = 4
    /// NameServerReport: the address counts. Up to three; they count instead of those of leases.
    case addNameServer = 5
    /// The servers by hand are forgotten; the record does not count.
    case clearNameServers = 6
    /// InterfaceReport: its number and MTU count; 0: as the card and the lease have it.
    case setMTU = 7
    /// InterfaceReport: its number counts. A down interface lets nothing in or out.
    case setUp = 8
    case setDown = 9
    /// InterfaceReport: its number and capabilities count: of those that can be switched (`switchable`) these are used
    /// from now on, and no others.
    case setOffloads = 10
}

/// An interface. 144 bytes.
public struct InterfaceReport: Sendable, BitwiseCopyable {
    /// Cards from 0 on; `RouteReport.loopback`.
    public var number: UInt8 = 0
    /// Of the address: 0 to 32.
    public var prefixLength: UInt8 = 0
    var flagBits: UInt16 = 0
    var capabilityBits: UInt32 = 0
    /// The name's bytes, the first one lowest, zeros behind: "vt0".
    public var name: UInt64 = 0
    /// The six bytes of the station address, the first one lowest.
    public var hardware: UInt64 = 0
    /// `::`: none.
    public var address = NetworkAddress.none
    public var router = NetworkAddress.none
    /// Bytes of a packet at most.
    public var mtu: UInt64 = 0
    /// The most that the card takes.
    public var greatestMTU: UInt64 = 0
    public var packetsIn: UInt64 = 0
    public var packetsOut: UInt64 = 0
    public var bytesIn: UInt64 = 0
    public var bytesOut: UInt64 = 0
    /// Dropped for whatever reason; DropReport has the reasons.
    public var drops: UInt64 = 0
    /// Where its card is: a DeviceSpot's word; 0 for the loopback.
    public var spot: UInt64 = 0
    /// The driver's name, up to 16 bytes, the first one lowest, zeros behind.
    public var driver0: UInt64 = 0
    public var driver8: UInt64 = 0
    var cardCapabilityBits: UInt32 = 0
    /// Pairs of a receive and a transmit queue that the card uses; 0: it has no queues.
    public var queuePairs: UInt32 = 0

    public struct Flags: OptionSet, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// Was not put down by hand.
        public static let up = Flags(rawValue: 1)
        /// The link is there.
        public static let running = Flags(rawValue: 2)
        public static let broadcast = Flags(rawValue: 4)
        public static let multicast = Flags(rawValue: 8)
        public static let loopback = Flags(rawValue: 16)
        /// The address is from a DHCP lease.
        public static let dynamic = Flags(rawValue: 32)
        /// A program holds the card (rings_open).
        public static let held = Flags(rawValue: 64)
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
        public static let largeReceive = Capabilities(rawValue: 128)
        public static let splitRings = Capabilities(rawValue: 256)
        public static let packedRings = Capabilities(rawValue: 512)

        /// Those that `NetworkChange.setOffloads` switches on and off.
        public static var switchable: Capabilities { Capabilities(rawValue: 1 | 2 | 4 | 128) }
    }

    public init() {}

    public var flags: Flags {
        get { Flags(rawValue: flagBits) }
        set { flagBits = newValue.rawValue }
    }
    /// What is used.
    public var capabilities: Capabilities {
        get { Capabilities(rawValue: capabilityBits) }
        set { capabilityBits = newValue.rawValue }
    }
    /// What the card can do, whether it is used or not.
    public var cardCapabilities: Capabilities {
        get { Capabilities(rawValue: cardCapabilityBits) }
        set { cardCapabilityBits = newValue.rawValue }
    }
}

/// A line of the route table. 40 bytes.
public struct RouteReport: Sendable, BitwiseCopyable {
    public var destination: NetworkAddress
    /// `::`: none, the destination itself is a neighbour.
    public var router: NetworkAddress
    /// 0 to 128: of an IPv4 network 96 more than people write.
    public var prefixLength: UInt8
    public var interface: UInt8
    /// Made by hand: 1.
    var isStaticNumber: UInt8
    var reserved: UInt8 = 0
    var reserved2: UInt32 = 0

    /// As an interface: the loopback; whichever.
    public static var loopback: UInt8 { 255 }
    public static var anyInterface: UInt8 { 254 }

    public init(
        destination: NetworkAddress, prefixLength: UInt8, router: NetworkAddress, interface: UInt8,
        isStatic: Bool = false
    ) {
        self.destination = destination
        self.router = router
        self.prefixLength = prefixLength
        self.interface = interface
        isStaticNumber = isStatic ? 1 : 0
    }

    public var isStatic: Bool { isStaticNumber != 0 }
}

/// A neighbour. 32 bytes.
public struct NeighbourReport: Sendable, BitwiseCopyable {
    public var address: NetworkAddress
    /// Six bytes, the first one lowest; 0 while it is not known.
    public var hardware: UInt64
    /// Of a reachable one: seconds for which the confirmation holds.
    public var secondsLeft: UInt32
    public var interface: UInt8
    var stateNumber: UInt8
    var reserved: UInt16 = 0

    /// As RFC 4861, 7.3.2 calls them; and made by hand.
    public enum State: UInt8, Sendable {
        case incomplete, reachable, stale, delay, probe, permanent
    }

    public init(
        address: NetworkAddress, interface: UInt8 = 0, hardware: UInt64 = 0, state: State = .incomplete,
        secondsLeft: UInt32 = 0
    ) {
        self.address = address
        self.interface = interface
        self.hardware = hardware
        self.secondsLeft = secondsLeft
        stateNumber = state.rawValue
    }

    public var state: State { State(rawValue: stateNumber) ?? .incomplete }
}

/// An open socket. 72 bytes.
public struct SocketStatus: Sendable, BitwiseCopyable {
    public var local = SocketAddress.none
    /// Meaningful when it is connected.
    public var peer = SocketAddress.none
    /// Datagrams that found the queue full.
    public var dropped: UInt64 = 0
    /// Packets that wait to be read.
    public var queued: UInt32
    var kindNumber: Int32
    var isConnectedNumber: UInt32 = 0
    var reserved: UInt32 = 0

    public init(kind: SocketKind, queued: Int) {
        self.queued = UInt32(truncatingIfNeeded: queued)
        kindNumber = kind.rawValue
    }

    public var kind: SocketKind { SocketKind(rawValue: kindNumber) ?? .datagram }
    public var isConnected: Bool {
        get { isConnectedNumber != 0 }
        set { isConnectedNumber = newValue ? 1 : 0 }
    }
}

/// What became of an interface's packets. Those that came in are the sum of those delivered, joined and waiting, and of
/// those dropped for a reason that is about incoming packets. 544 bytes.
public struct DropReport: Sendable, BitwiseCopyable {
    /// By reason: NetStack's DropReason, in its order.
    var counts = [64 of UInt64](repeating: 0)
    /// Packets that came in and served their purpose.
    public var delivered: UInt64 = 0
    /// Fragments that became part of a datagram; its last one counts as that datagram.
    public var joined: UInt64 = 0
    /// Fragments that wait for others.
    public var waiting: UInt64 = 0
    /// Frames that the card or its driver lost: no room, damaged, or too large. They did not come in.
    public var lost: UInt64 = 0
    /// Times that the driver found all buffers of the card in use: frames may have been lost that nothing counted.
    public var ringsFull: UInt64 = 0

    public init() {}

    /// 0 beyond 63.
    public subscript(reason: Int) -> UInt64 {
        get { reason >= 0 && reason < 64 ? counts[reason] : 0 }
        set { if reason >= 0, reason < 64 { counts[reason] = newValue } }
    }
}

/// The packets that everything shares. 80 bytes.
public struct PacketReport: Sendable, BitwiseCopyable {
    public var total: UInt64 = 0
    public var free: UInt64 = 0
    /// The fewest that ever were free.
    public var lowWater: UInt64 = 0
    /// Requests for a packet when none was free for that use.
    public var failures: UInt64 = 0
    /// In use, and the most that may be: to receive, to send, for the stack's own messages.
    public var receiving: UInt64 = 0
    public var receivingLimit: UInt64 = 0
    public var sending: UInt64 = 0
    public var sendingLimit: UInt64 = 0
    public var own: UInt64 = 0
    public var ownLimit: UInt64 = 0

    public init() {}
}

/// A name server. 24 bytes.
public struct NameServerReport: Sendable, BitwiseCopyable {
    public var address: NetworkAddress
    /// Named by hand or by the boot arguments, not by a lease: 1.
    var isByHandNumber: UInt64

    public init(address: NetworkAddress = .none, isByHand: Bool = false) {
        self.address = address
        isByHandNumber = isByHand ? 1 : 0
    }

    public var isByHand: Bool { isByHandNumber != 0 }
}
