// What a driver sees of a virtqueue, whatever its format (VirtIO 1.2, section 2.6): chains of buffers go to the device
// and come back.
//
// Promise, of every format: a chain is added whole or not at all; what the device says is checked against what it was
// given, and a false id, length or index is counted, never followed. The driver's own book-keeping never reads back
// what the device could have changed.

/// A chain that a device gave back.
public struct UsedChain {
    /// The chain's name while the device held it.
    public let head: UInt16
    /// Bytes the device says it wrote; at most what was writable.
    public let length: UInt32
    /// The device claimed more than was writable; `length` is cut to that.
    public let isLengthFalse: Bool
    /// Places of the ring that the chain took.
    public let count: UInt16
}

/// A chain being built: `startChain`, `append` as often as promised, `submit`.
public struct VirtqueueChain {
    public let head: UInt16
    /// Places of the ring that the chain takes.
    let places: UInt16
    var remaining: UInt16
    var writable: UInt32 = 0
    /// The descriptors lie in a table of the chain's own, and the next entry there; else in the ring.
    let isIndirect: Bool
    var tableEntry: UInt16 = 0
    /// In a packed ring: length, id and flags of the chain's first descriptor, which give it to the device.
    var headWord: UInt64 = 0
}

/// What a driver knows of a descriptor or buffer id; the device never learns where it lies.
struct VirtqueueRecord {
    /// Of a chain's name: bytes that the device may write.
    var writable: UInt32 = 0
    /// The next of the free list, or of a chain that is out.
    var next: UInt16 = 0
    /// Of a chain's name that the device holds: places of the chain; else 0.
    var places: UInt16 = 0
}

/// Chains that a device which keeps the order gave back at once, by naming the last (VIRTIO_F_IN_ORDER, sections 2.7.9
/// and 2.8.8): the others were used completely.
struct UsedBatch {
    /// Some of them were not taken yet.
    var isOpen = false
    /// The last one's name, and the length that the device gave for it.
    var last: UInt16 = 0
    var length: UInt32 = 0
}

/// What driver and device agreed on about their queues.
public struct VirtqueueOptions {
    /// VIRTIO_F_RING_PACKED.
    public var isPacked = false
    /// VIRTIO_F_EVENT_IDX.
    public var usesEventIndex = false
    /// VIRTIO_F_IN_ORDER.
    public var isInOrder = false
    /// Descriptors of the longest chain in a table of its own (VIRTIO_F_INDIRECT_DESC), a power of two; 0: none.
    public var indirectCapacity = 0

    public init() {}

    /// - Parameter features: what both agreed on, `VirtIOFeature`.
    init(_ features: UInt64) {
        isPacked = features & VirtIOFeature.ringPacked != 0
        usesEventIndex = features & VirtIOFeature.eventIndex != 0
        isInOrder = features & VirtIOFeature.inOrder != 0
    }
}

/// One virtqueue. One per queue of a device, owned by its driver.
public protocol Virtqueue: ~Copyable {
    associatedtype Memory: DMA

    /// Features that a device must have for this format.
    static var features: UInt64 { get }
    /// Features that decide the format, as far as this queue may be of it.
    static var choices: UInt64 { get }

    /// Allocates the ring and gives its address to the device. Between FEATURES_OK and DRIVER_OK.
    init<Transport: VirtIOTransport>(
        _ index: UInt16, of transport: Transport, in memory: Memory, options: VirtqueueOptions) throws(VirtIOError)

    /// Empties the ring and gives it to the device anew, which has finished a reset since. Between FEATURES_OK and
    /// DRIVER_OK.
    mutating func restart<Transport: VirtIOTransport>(of transport: Transport) throws(VirtIOError)

    /// Entries, a power of two.
    var size: UInt16 { get }
    /// Places that are free.
    var freeCount: UInt16 { get }

    // Driver to device.

    /// Places in the ring that a chain of so many descriptors takes.
    func placesNeeded(_ count: UInt16) -> UInt16
    /// Reserves a chain of so many descriptors; nil when fewer are free, and of a queue that is broken. All of them must
    /// then be appended, and the chain submitted.
    mutating func startChain(count: UInt16) -> VirtqueueChain?
    /// Writes the next descriptor. Those that the device writes come after those that it reads (section 2.7.4.2).
    /// - Returns: its number.
    @discardableResult
    mutating func append(
        _ address: UInt64, byteCount: UInt32, _ direction: DMADirection, to chain: inout VirtqueueChain
    ) -> UInt16
    /// Hands a finished chain over; the device may take it at once, and is notified by `kick`.
    mutating func submit(_ chain: VirtqueueChain)
    /// The queue's number at its device.
    var number: UInt16 { get }
    /// Whether the device is to be notified of what was submitted since the last question, or looks by itself.
    mutating func needsKick() -> Bool

    // Device to driver.

    /// Whether the device has given something back that was not taken yet.
    var hasUsed: Bool { get }
    /// Takes the next chain that the device is done with, and frees its places.
    mutating func popUsed() -> UsedChain?
    /// Chains may keep their places and go to the device again: not where the order is kept.
    var renewsChains: Bool { get }
    /// Takes the next chain, as `popUsed`, but its places are not free: `renew` or `free` follows. Only of a queue that
    /// renews chains.
    mutating func takeUsed() -> UsedChain?
    mutating func free(_ used: UsedChain)
    /// Gives the device a chain of one descriptor again, under the same name and in the direction that it had. The device
    /// may not see it before `publishRenewed`.
    mutating func renew(_ used: UsedChain, _ address: UInt64, byteCount: UInt32, _ direction: DMADirection)
    /// The same with the memory that it had, which is asked for only by rings that do not keep it.
    mutating func repeatChain(
        _ used: UsedChain, _ buffer: @autoclosure () -> DMABuffer<Memory>, _ direction: DMADirection)
    /// Lets the device see all chains that were made available, renewed ones among them.
    mutating func publishRenewed()
    /// The descriptor after this one in a chain; good until the next `startChain`.
    func descriptor(after number: UInt16) -> UInt16
    /// The device has given back as many chains as it was given, by whatever name.
    var isAllBack: Bool { get }

    // Trust.

    /// Used elements whose id named nothing that the device held.
    var badUsedIDs: Int { get }
    /// Used elements that claimed more bytes than were writable.
    var badUsedLengths: Int { get }
    /// Nothing that the device says is believed any more: it moved its index by more than it was given, or `breakOff`
    /// was called.
    var isBroken: Bool { get }
    mutating func breakOff()
    /// Looks for a device that gives back at another place than its next: once in a while, of a device that is quiet.
    mutating func lookForFalsePlaces()

    // Interrupts.

    /// Where an interrupt handler may ask for silence, of a queue without event index.
    var interruptMask: VirtqueueInterruptMask<Memory> { get }
    /// Asks the device for silence: a hint.
    func maskInterrupts()
    /// Lets the device interrupt again when it has given back more than so many chains (with the event index; else with
    /// the next one), and looks once more.
    /// - Returns: true when that has happened meanwhile, perhaps without an interrupt: drain again.
    func unmaskInterrupts(after chains: UInt16) -> Bool
    /// Chains that the device was given and that were not taken back.
    var chainsOut: UInt16 { get }
}

extension Virtqueue where Self: ~Copyable {
    /// The features to ask for: of those a driver wants, the ones that this queue can have, and those it needs.
    static func wanted(_ features: UInt64) -> UInt64 {
        features & (~VirtIOFeature.ringPacked | choices) | self.features
    }

    /// Notifies the device of what was submitted, unless the device said that it looks by itself.
    @inline(__always)  // with each packet
    mutating func kick<Transport: VirtIOTransport>(_ transport: Transport) {
        if needsKick() { transport.notify(number) }
    }

    /// A used ring has an index, which cannot be at a false place.
    public mutating func lookForFalsePlaces() {}
}

/// The word by which a driver asks a device not to interrupt for one queue: a hint, single stores, usable without a
/// lock.
public struct VirtqueueInterruptMask<Memory: DMA> {
    let word: DMAWord<Memory>

    @inline(__always)
    public func set(masked: Bool) { word.store(masked ? AvailableFlags.noInterrupt : 0) }
}
