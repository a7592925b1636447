// What the stack knows of a network card of any kind: one protocol, to which packets are handed over.

/// Work that a device takes off the stack. Negotiated with the hardware, never assumed; what is missing is done in
/// software.
public struct NetworkCapabilities: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Fills in transport checksums of what is sent.
    public static let checksumOut = NetworkCapabilities(rawValue: 1)
    /// Says which received transport checksums it has verified.
    public static let checksumIn = NetworkCapabilities(rawValue: 2)
    /// Cuts large segments itself.
    public static let segmentation = NetworkCapabilities(rawValue: 4)
    /// Spreads a received frame over several buffers.
    public static let mergedBuffers = NetworkCapabilities(rawValue: 8)
    /// Drops frames to groups that are not in the `ReceiveFilter`.
    public static let receiveFilter = NetworkCapabilities(rawValue: 16)
    /// Notifications and interrupts are requested for an index in the ring, not for every entry (VIRTIO_F_EVENT_IDX).
    public static let eventIndex = NetworkCapabilities(rawValue: 32)
    /// A frame in pieces takes one place of the ring.
    public static let indirectDescriptors = NetworkCapabilities(rawValue: 64)
    /// Puts received TCP segments together.
    public static let largeReceive = NetworkCapabilities(rawValue: 128)
    /// The card's rings are split virtqueues, or packed ones (VIRTIO_F_RING_PACKED).
    public static let splitRings = NetworkCapabilities(rawValue: 256)
    public static let packedRings = NetworkCapabilities(rawValue: 512)
}

/// A network card. One per card, owned by its `NetworkInterface`.
public protocol NetworkDevice: ~Copyable {
    var hardwareAddress: EthernetAddress { get }
    /// The most bytes a frame carries after its Ethernet header.
    var mtu: Int { get }
    var capabilities: NetworkCapabilities { get }
    /// Whether frames can get through at the moment, as far as the device knows.
    var isLinkUp: Bool { get }

    /// Received frames that the card or its driver dropped, as far as they know of them: no room, damaged, an
    /// impossible length.
    var framesDropped: UInt64 { get }
    /// Times that the driver found no room left for frames: others may have been lost that nothing counted.
    var ringsFull: UInt64 { get }

    /// Pairs of a receive and a transmit queue that are in use; 0 for a card without queues.
    var queuePairs: Int { get }

    /// Frames wait in a small memory of the card's own: it is drained before cards that receive into packets.
    var isDrainedFirst: Bool { get }

    /// Nanoseconds until `reclaim` is due even without an interrupt, because the device had no packets to receive into
    /// or a transmission is being watched; .max: never.
    var patience: UInt64 { get }

    /// Queues a frame, perhaps a train, from its Ethernet header on; its offload request asks for no more than
    /// `capabilities` has.
    /// - Returns: the frame when there is no room for it; nil when the device has it.
    mutating func transmit(_ frame: consuming LentPacket) -> LentPacket?
    /// Asks for one interrupt when the device, which had no room for a frame, has sent some of those it has.
    /// - Returns: true when it has done so meanwhile, perhaps without an interrupt: try again.
    mutating func requestRoomInterrupt() -> Bool
    /// Frees frames that the device has sent.
    mutating func collectSent()
    /// Makes sure the device works on what was queued. One call for a batch.
    mutating func flush()
    /// The next received frame, perhaps a train, from its Ethernet header on; nil when there is none at the moment.
    mutating func receive() -> Packet?
    /// Frees frames that the device has sent, refills what it receives into, and looks whether something takes too
    /// long. Called regularly, and before frames are received.
    mutating func reclaim(now: UInt64)
    /// Lets the device interrupt for received frames again, then looks once more.
    /// - Returns: true when something arrived meanwhile, perhaps without an interrupt: drain again.
    mutating func rearm() -> Bool
    /// Sends frames of a program's transmit ring, so many at most, as far as the device and the pool have room.
    mutating func transmit(from rings: inout PacketRings, atMost most: Int, _ pool: PacketPool) -> RingTraffic
    /// Copies received frames to a program's receive ring, so many at most; fewer when the device has no more.
    mutating func receive(into rings: inout PacketRings, atMost most: Int) -> RingTraffic
    /// Says how many packets may wait in the device, of one that receives into memory.
    mutating func receive(intoAtMost buffers: Int)
    /// Says which receive offloads are to be on, `checksumIn` and `largeReceive` of the card's capabilities.
    /// - Returns: false when the card cannot switch them while it runs.
    mutating func receive(with offloads: NetworkCapabilities) -> Bool
    /// Says which frames are wanted beside those to its own address and to all stations.
    mutating func accept(_ filter: ReceiveFilter)
}

extension NetworkDevice where Self: ~Copyable {
    /// For a device that interrupts for each frame that it has sent.
    public mutating func requestRoomInterrupt() -> Bool { false }
    /// For a device that keeps no frame.
    public mutating func collectSent() {}

    /// For a device without queues.
    public var queuePairs: Int { 0 }

    /// For a device that receives into packets.
    public var isDrainedFirst: Bool { false }

    /// For a device whose offloads are fixed.
    public mutating func receive(with offloads: NetworkCapabilities) -> Bool { false }

    /// For a device with memory of its own.
    public mutating func receive(intoAtMost buffers: Int) {}

    /// For a device that loses no frame.
    public var framesDropped: UInt64 { 0 }
    public var ringsFull: UInt64 { 0 }
}
