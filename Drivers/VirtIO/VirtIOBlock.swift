// The VirtIO block device (VirtIO 1.2, section 5.2): requests in, completions out, several under way.
//
// Promise: a request is taken whole (a token), or refused with nothing done. Each token comes back exactly once from
// `completed`, unless the device loses it; what the device says is checked. The memory of a request belongs to the
// device until then. Used under a lock of the caller's; `interrupt` is the part that the handler uses without it.

/// What a request does.
public enum BlockOperation {
    case read, write, flush
}

/// A piece of memory that a request reads or fills. Device-reachable, a multiple of 512 bytes.
@safe
public struct BlockSegment {
    fileprivate let start: UnsafeMutableRawPointer
    public let byteCount: Int

    /// - Parameter start: `byteCount` bytes that belong to the request until it is completed.
    public init(unsafe start: UnsafeMutableRawPointer, byteCount: Int) {
        unsafe self.start = start
        self.byteCount = byteCount
    }

    fileprivate func memory<Memory: DMA>(in memory: Memory) -> DMABuffer<Memory> {
        unsafe DMABuffer(unsafe: start, byteCount: byteCount, in: memory)  // as promised to `init`
    }
}

/// Names a request under way; a number below `VirtIOBlock.tokenLimit`, free for use again once completed.
public struct BlockToken: Equatable {
    public let index: UInt16
}

public enum BlockStatus: Equatable {
    case done
    /// The device could not (VIRTIO_BLK_S_IOERR).
    case failed
    /// The device does not know the operation (VIRTIO_BLK_S_UNSUPP).
    case unsupported
    /// The device gave the request back without a valid status.
    case noAnswer
}

public struct BlockCompletion {
    public let token: BlockToken
    public let status: BlockStatus
}

/// Why a request was not taken; a full queue is not among them.
public enum BlockError: Error {
    case beyondCapacity, readOnly, badSegment, tooManySegments, deviceBroken

    public var message: StaticString {
        switch self {
        case .beyondCapacity: "the sectors lie beyond the end of the disk"
        case .readOnly: "the disk is read-only"
        case .badSegment: "a segment is empty or no multiple of 512 bytes"
        case .tooManySegments: "more segments than the disk takes in one request"
        case .deviceBroken: "the disk failed, and was given up"
        }
    }
}

public struct VirtIOBlock<Transport: VirtIOTransport, Queue: Virtqueue & ~Copyable>: ~Copyable {
    public typealias Memory = Queue.Memory

    /// Tokens are below this.
    public static var tokenLimit: Int { 256 }

    let transport: Transport
    let memory: Memory
    var queue: Queue
    /// A `Slot` per token.
    let slots: DMABuffer<Memory>
    /// By descriptor: the segment in it, for handing back. Private to the driver.
    let segments: RingTable<BlockSegment?>

    /// Size of the disk in sectors of 512 bytes.
    public let capacity: UInt64
    public let isReadOnly: Bool
    /// Whether the device has a write cache and takes `flush`; without it a completed write is on the disk, and flush
    /// completes too.
    public let canFlush: Bool
    /// The most segments of one request.
    public let segmentLimit: Int
    /// Requests under way.
    public internal(set) var requestsUnderWay = 0
    /// The device was given up: nothing more will complete, until `restart`.
    public internal(set) var isBroken = false
    /// The device was given up and did not finish its reset: it may still write to the memory of its requests.
    public internal(set) var mayStillWrite = false
    /// What device and driver agreed on.
    let features: UInt64

    /// VIRTIO_BLK_F_*.
    private enum Feature {
        static var segMax: UInt64 { 1 << 2 }
        static var readOnly: UInt64 { 1 << 5 }
        static var flush: UInt64 { 1 << 9 }
    }
    /// Byte offsets of struct virtio_blk_config (section 5.2.4).
    private enum Configuration {
        static var capacityLow: Int { 0 }
        static var capacityHigh: Int { 4 }
        static var segMax: Int { 12 }
    }
    /// struct virtio_blk_req (section 5.2.6) without its data: type, reserved, sector; and, apart, the status.
    private enum Slot {
        static var type: Int { 0 }
        static var reserved: Int { 4 }
        static var sector: Int { 8 }
        static var headerByteCount: Int { 16 }
        static var status: Int { 16 }
        static var byteCount: Int { 32 }
    }
    /// VIRTIO_BLK_T_*.
    private enum RequestType {
        static var read: UInt32 { 0 }
        static var write: UInt32 { 1 }
        static var flush: UInt32 { 4 }
    }
    /// VIRTIO_BLK_S_*, and a value that the device does not write.
    private enum RequestStatus {
        static var ok: UInt8 { 0 }
        static var ioError: UInt8 { 1 }
        static var unsupported: UInt8 { 2 }
        static var unanswered: UInt8 { 0xff }
    }
    /// Header and status take a descriptor each.
    private static var ownDescriptors: Int { 2 }

    /// Brings the device up.
    /// - Parameter without: features that are not to be used although the device may offer them, `VirtIOFeature`.
    public init(_ transport: Transport, in memory: Memory, without: UInt64 = 0) throws(VirtIOError) {
        let features = try transport.negotiate(
            VirtIODeviceType.block,
            wanted: Queue.wanted(
                (Feature.segMax | Feature.readOnly | Feature.flush | VirtIOFeature.ringPacked
                    | VirtIOFeature.inOrder) & ~without),
            required: Queue.features)
        let queue = try Queue(0, of: transport, in: memory, options: VirtqueueOptions(features))
        let size = Int(queue.size)
        let (capacity, most) = try Self.configuration(of: transport)
        guard let slots = DMABuffer(byteCount: Slot.byteCount * size, in: memory),
            let segments = RingTable<BlockSegment?>(entries: size, in: memory, { nil })
        else { throw transport.refuse(.noMemory) }
        var limit = min(64, size - Self.ownDescriptors)
        if features & Feature.segMax != 0 { limit = min(limit, Int(most)) }
        guard limit > 0 else { throw transport.refuse(.badConfiguration) }
        try transport.goLive()

        self.transport = transport
        self.memory = memory
        self.queue = queue
        self.slots = slots
        self.segments = segments
        self.capacity = capacity
        self.features = features
        isReadOnly = features & Feature.readOnly != 0
        canFlush = features & Feature.flush != 0
        segmentLimit = limit
    }

    /// Sectors, and the most segments of a request.
    static func configuration(of transport: Transport) throws(VirtIOError) -> (capacity: UInt64, segments: UInt32) {
        try transport.consistently { device in
            let low = device.configuration32(Configuration.capacityLow)
            let high = device.configuration32(Configuration.capacityHigh)
            return (UInt64(high) << 32 | UInt64(low), device.configuration32(Configuration.segMax))
        }
    }

    /// What the interrupt handler holds.
    public var interrupt: VirtIOInterrupt<Transport, Memory> {
        VirtIOInterrupt(transport: transport, mask: queue.interruptMask)
    }

    /// What notifies the device.
    public var doorbell: VirtIODoorbell<Transport> { VirtIODoorbell(transport: transport, queue: queue.number) }

    /// Whether the device is to be notified of requests that were submitted and not rung for.
    public mutating func needsDoorbell() -> Bool { queue.needsKick() }

    /// Starts a request over scattered memory.
    /// - Parameters:
    ///   - rings: notifies the device; else the caller rings the doorbell, which may take long, when it holds no lock.
    ///   - sector: the first, in units of 512 bytes; ignored by a flush.
    ///   - segmentCount: 1 to `segmentLimit`; ignored by a flush, which has none.
    ///   - segment: gives segment 0, 1, …, in the order of the disk; called twice for each.
    /// - Returns: nil when the queue is full: wait for a completion and try again.
    public mutating func submit(
        _ operation: BlockOperation, sector: UInt64, segmentCount: Int, rings: Bool = true,
        segment: (Int) -> BlockSegment
    ) throws(BlockError) -> BlockToken? {
        guard !isBroken else { throw .deviceBroken }
        let segmentCount = operation == .flush ? 0 : segmentCount
        try check(operation, sector, segmentCount, segment)
        guard var chain = queue.startChain(count: UInt16(segmentCount + Self.ownDescriptors)) else { return nil }
        let slot = slot(chain.head)
        let header = slot.part(0, Slot.headerByteCount), status = slot.part(Slot.status, 1)
        // Little-endian, or the guest's own order on a legacy device: the same here.
        let isFlush = operation == .flush
        header.store(
            isFlush ? RequestType.flush : operation == .write ? RequestType.write : RequestType.read, Slot.type)
        header.store(0 as UInt32, Slot.reserved)
        header.store(isFlush ? 0 : sector, Slot.sector)
        status.store(RequestStatus.unanswered, 0)
        append(header, .deviceReads, to: &chain)
        let direction: DMADirection = operation == .read ? .deviceWrites : .deviceReads
        for i in 0..<segmentCount {
            let piece = segment(i)
            let number = append(piece.memory(in: memory), direction, to: &chain)
            segments[number] = piece
        }
        append(status, .deviceWrites, to: &chain)
        queue.submit(chain)
        if rings { queue.kick(transport) }
        requestsUnderWay += 1
        return BlockToken(index: chain.head)
    }

    private func slot(_ head: UInt16) -> DMABuffer<Memory> { slots.part(Slot.byteCount * Int(head), Slot.byteCount) }

    @discardableResult
    private mutating func append(_ buffer: DMABuffer<Memory>, _ direction: DMADirection, to chain: inout VirtqueueChain)
        -> UInt16
    {
        buffer.giveToDevice(direction)
        return queue.append(buffer.deviceAddress, byteCount: UInt32(buffer.byteCount), direction, to: &chain)
    }

    /// Starts a request over one segment.
    public mutating func submit(_ operation: BlockOperation, sector: UInt64, _ segment: BlockSegment) throws(BlockError)
        -> BlockToken?
    {
        try submit(operation, sector: sector, segmentCount: 1) { _ in segment }
    }

    /// Asks the device to make every completed write durable. Not to be asked of a device that cannot (`canFlush`).
    public mutating func submitFlush() throws(BlockError) -> BlockToken? {
        let none = unsafe BlockSegment(unsafe: slots.start, byteCount: 0)  // never looked at: a flush has no segments
        return try submit(.flush, sector: 0, segmentCount: 0) { _ in none }
    }

    private func check(
        _ operation: BlockOperation, _ sector: UInt64, _ count: Int, _ segment: (Int) -> BlockSegment
    ) throws(BlockError) {
        guard count >= 0, count <= segmentLimit, (count == 0) == (operation == .flush) else { throw .tooManySegments }
        if operation == .write, isReadOnly { throw .readOnly }
        var sectors: UInt64 = 0
        for i in 0..<count {
            let byteCount = segment(i).byteCount
            guard byteCount > 0, byteCount & 511 == 0, byteCount <= 1 << 24 else { throw .badSegment }
            sectors += UInt64(byteCount) / 512
        }
        guard count == 0 || (sector <= capacity && sectors <= capacity - sector) else { throw .beyondCapacity }
    }

    /// Takes the next finished request, in the order the device finished them; nil when there is none at the moment.
    public mutating func completed() -> BlockCompletion? {
        guard let chain = queue.popUsed() else {
            // All is back but for a request that came under a false name: its caller would wait for ever.
            if queue.isBroken || (queue.badUsedIDs != 0 && requestsUnderWay > 0 && queue.isAllBack) { giveUp() }
            return nil
        }
        let slot = slot(chain.head)
        let header = slot.part(0, Slot.headerByteCount), answer = slot.part(Slot.status, 1)
        header.takeFromDevice(.deviceReads)
        answer.takeFromDevice(.deviceWrites)
        let direction: DMADirection =
            header.load(Slot.type, as: UInt32.self) == RequestType.read ? .deviceWrites : .deviceReads
        var number = chain.head
        for _ in 0..<max(0, Int(chain.count) - Self.ownDescriptors) {
            number = queue.descriptor(after: number)
            if let piece = segments[number] { piece.memory(in: memory).takeFromDevice(direction) }
        }
        let status: BlockStatus =
            switch answer.load(0, as: UInt8.self) {
            case RequestStatus.ok: .done
            case RequestStatus.ioError: .failed
            case RequestStatus.unsupported: .unsupported
            default: .noAnswer
            }
        requestsUnderWay -= 1
        return BlockCompletion(token: BlockToken(index: chain.head), status: status)
    }

    /// Lets the device interrupt again after `completed` has returned nil.
    /// - Returns: true when something finished meanwhile: call `completed` again.
    public mutating func rearm() -> Bool { queue.unmaskInterrupts(after: 0) }

    /// Counted misbehaviour of the device: used ids and used lengths that were false.
    public var badUsedIDs: Int { queue.badUsedIDs }
    public var badUsedLengths: Int { queue.badUsedLengths }
}
