// What the kernel wants of a driver of a network card beside NetworkDevice: how it finds its cards, and their names.
//
// A new kind of card is a folder here with a type that conforms to NetworkCard, and a line in the kernel's CardTable.

import Packets
import Storage

/// A place where there may be a card.
public enum CardPlace<Space: RegisterSpace> {
    /// A virtio-mmio slot.
    case slot(Space)
    /// A PCI function.
    case function(PCIFunction<Space>)
    /// Ports where an ISA card may be.
    case ports(Space)
}

/// A place, and what a driver needs to take over the card there.
public struct CardSite<Space: RegisterSpace> {
    public let place: CardPlace<Space>
    public let pool: PacketPool
    /// Packets that may wait in the card, of one that receives into memory.
    public let receiveBuffers: Int
    public let random: UInt64
    /// Features that the boot arguments take away, for drivers that negotiate any.
    public let withoutFeatures: UInt64
    /// Which side of a memory that two machines share is this one's, 1 or 2; 0: the boot arguments do not say.
    public let sharedSide: UInt8
    /// Of the machine: a card has no use for more pairs of queues.
    public let processors: Int

    public init(
        _ place: CardPlace<Space>, pool: PacketPool, receiveBuffers: Int, random: UInt64, withoutFeatures: UInt64 = 0,
        sharedSide: UInt8 = 0, processors: Int = 1
    ) {
        self.place = place
        self.pool = pool
        self.receiveBuffers = receiveBuffers
        self.random = random
        self.withoutFeatures = withoutFeatures
        self.sharedSide = sharedSide
        self.processors = processors
    }
}

/// The driver's user-visible name.
public struct CardDriver: Sendable {
    /// Of the interface's name, "vt" in vt0; ASCII, at most six characters.
    public let prefix: StaticString
    public let name: StaticString
    /// False for a card that is looked at without one.
    public let hasInterrupt: Bool

    public init(prefix: StaticString, name: StaticString, hasInterrupt: Bool = true) {
        self.prefix = prefix
        self.name = name
        self.hasInterrupt = hasInterrupt
    }
}

/// Why a card that a driver recognised is not driven.
public struct CardError: Error {
    public let message: StaticString
    public init(_ message: StaticString) { self.message = message }
}

/// Memory for devices that needs no handle: a kernel's.
public protocol AmbientDMA: DMA {
    init()
}

/// A card that finds itself.
public protocol NetworkCard: NetworkDevice, ~Copyable {
    associatedtype Space: RegisterSpace
    /// Takes the card at a place over; nil when there is none, or none of this driver's, and nothing was touched.
    static func attach(_ site: CardSite<Space>) throws(CardError) -> Self?
    var driver: CardDriver { get }
    /// A message about a fault that was not reported yet; nil when there is none.
    mutating func takeFaultMessage() -> StaticString?
    /// Raises the interrupt line, or lowers it again, before the card was ever armed, so that the kernel can find the
    /// interrupt source of an ISA card. Other cards do nothing.
    mutating func holdInterrupt(_ isRaised: Bool)
}

extension NetworkCard where Self: ~Copyable {
    public mutating func holdInterrupt(_ isRaised: Bool) {}
}

/// Either a card of the first kind, or one of those further down. The methods cost one branch for each kind further up.
public struct CardTable<Memory: AmbientDMA, First: NetworkCard & ~Copyable, Rest: NetworkCard & ~Copyable>: NetworkCard,
    ~Copyable
where First.Space == Rest.Space {
    public typealias Space = First.Space
    private let first: Ref<First>?
    private let rest: Ref<Rest>?

    private static func place<Card: ~Copyable>(_ card: consuming Card) throws(CardError) -> Ref<Card> {
        guard let memory = unsafe Memory().allocateOwn(byteCount: MemoryLayout<Card>.stride) else {
            throw CardError("no memory for its driver")
        }
        let pointer = unsafe memory.bindMemory(to: Card.self, capacity: 1)  // new memory of the card's size
        unsafe pointer.initialize(to: card)
        return unsafe Ref(unsafe: pointer)  // the memory was allocated for ever
    }

    private init(first: Ref<First>?, rest: Ref<Rest>?) {
        self.first = first
        self.rest = rest
    }

    @inline(never)
    public static func attach(_ site: CardSite<Space>) throws(CardError) -> CardTable? {
        if let card = try First.attach(site) { return CardTable(first: try place(card), rest: nil) }
        if let card = try Rest.attach(site) { return CardTable(first: nil, rest: try place(card)) }
        return nil
    }

    /// There is one: `attach` made either.
    private var other: Ref<Rest> {
        get {
            guard let rest else { preconditionFailure("a card table without a card") }
            return rest
        }
    }

    // Cards stay for ever: there is no deinit.

    public var driver: CardDriver { if let first { first.value.driver } else { other.value.driver } }
    public mutating func takeFaultMessage() -> StaticString? {
        if let first { first.value.takeFaultMessage() } else { other.value.takeFaultMessage() }
    }
    public mutating func holdInterrupt(_ isRaised: Bool) {
        if let first { first.value.holdInterrupt(isRaised) } else { other.value.holdInterrupt(isRaised) }
    }
    public var hardwareAddress: EthernetAddress {
        if let first { first.value.hardwareAddress } else { other.value.hardwareAddress }
    }
    public var mtu: Int { if let first { first.value.mtu } else { other.value.mtu } }
    public var capabilities: NetworkCapabilities {
        if let first { first.value.capabilities } else { other.value.capabilities }
    }
    public var isLinkUp: Bool { if let first { first.value.isLinkUp } else { other.value.isLinkUp } }
    public var ringsFull: UInt64 { if let first { first.value.ringsFull } else { other.value.ringsFull } }
    public var framesDropped: UInt64 { if let first { first.value.framesDropped } else { other.value.framesDropped } }
    public var queuePairs: Int { if let first { first.value.queuePairs } else { other.value.queuePairs } }
    public var isDrainedFirst: Bool {
        if let first { first.value.isDrainedFirst } else { other.value.isDrainedFirst }
    }
    public var patience: UInt64 { if let first { first.value.patience } else { other.value.patience } }
    @inline(never)
    public mutating func transmit(_ frame: consuming LentPacket) -> LentPacket? {
        if let first { return first.value.transmit(frame) } else { return other.value.transmit(frame) }
    }
    public mutating func collectSent() {
        if let first { first.value.collectSent() } else { other.value.collectSent() }
    }
    @inline(never)
    public mutating func requestRoomInterrupt() -> Bool {
        if let first { first.value.requestRoomInterrupt() } else { other.value.requestRoomInterrupt() }
    }
    @inline(never)
    public mutating func flush() { if let first { first.value.flush() } else { other.value.flush() } }
    @inline(never)
    public mutating func receive() -> Packet? {
        if let first { return first.value.receive() } else { return other.value.receive() }
    }
    @inline(never)
    public mutating func transmit(from rings: inout PacketRings, atMost most: Int, _ pool: PacketPool) -> RingTraffic {
        if let first {
            return first.value.transmit(from: &rings, atMost: most, pool)
        } else {
            return other.value.transmit(from: &rings, atMost: most, pool)
        }
    }
    @inline(never)
    public mutating func receive(into rings: inout PacketRings, atMost most: Int) -> RingTraffic {
        if let first {
            return first.value.receive(into: &rings, atMost: most)
        } else {
            return other.value.receive(into: &rings, atMost: most)
        }
    }
    @inline(never)
    public mutating func reclaim(now: UInt64) {
        if let first { first.value.reclaim(now: now) } else { other.value.reclaim(now: now) }
    }
    @inline(never)
    public mutating func rearm() -> Bool { if let first { first.value.rearm() } else { other.value.rearm() } }
    public mutating func receive(intoAtMost buffers: Int) {
        if let first { first.value.receive(intoAtMost: buffers) } else { other.value.receive(intoAtMost: buffers) }
    }
    public mutating func receive(with offloads: NetworkCapabilities) -> Bool {
        if let first { first.value.receive(with: offloads) } else { other.value.receive(with: offloads) }
    }
    @inline(never)
    public mutating func accept(_ filter: ReceiveFilter) {
        if let first { first.value.accept(filter) } else { other.value.accept(filter) }
    }
}

/// The end of the table: no card is of this kind.
public struct NoCard<Space: RegisterSpace>: NetworkCard, ~Copyable {
    public static func attach(_ site: CardSite<Space>) throws(CardError) -> NoCard? { nil }
    public var driver: CardDriver { CardDriver(prefix: "no", name: "none") }
    public mutating func takeFaultMessage() -> StaticString? { nil }
    public var hardwareAddress: EthernetAddress { .zero }
    public var mtu: Int { 0 }
    public var capabilities: NetworkCapabilities { [] }
    public var isLinkUp: Bool { false }
    public var patience: UInt64 { .max }
    public mutating func transmit(_ frame: consuming LentPacket) -> LentPacket? { frame }
    public mutating func flush() {}
    public mutating func receive() -> Packet? { nil }
    public mutating func reclaim(now: UInt64) {}
    public mutating func rearm() -> Bool { false }
    public mutating func accept(_ filter: ReceiveFilter) {}
}
