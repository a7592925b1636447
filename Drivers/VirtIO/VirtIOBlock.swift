// The VirtIO block device (VirtIO 1.2, section 5.2): requests in, completions out, several under way.
//
// Promise: a request is taken whole (a token), or refused with nothing done. Each token comes back exactly once from `completed`, unless the
// device loses it; what the device says is checked. The memory of a request belongs to the device until then. Used under a lock of
// the caller's; `interrupt` is the part that the handler uses without it.

/// What a request does.
public enum BlockOperation {
    case read, write, flush
}

/// A piece of memory that a request reads or fills. Device-reachable, a multiple of 512 bytes.
public struct BlockSegment {
    public let pointer: UnsafeMutableRawPointer
    public let byteCount: Int

    public init(_ pointer: UnsafeMutableRawPointer, byteCount: Int) {
        self.pointer = pointer
        self.byteCount = byteCount
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
        case .deviceBroken: "the disk failed, and is not used any more"
        }
    }
}

public struct VirtIOBlock<Transport: VirtIOTransport, Memory: DMA>: ~Copyable {
    /// Tokens are below this.
    public static var tokenLimit: Int { 256 }

    let transport: Transport
    let memory: Memory
    var queue: Virtqueue<Memory>
    /// One slot of 32 bytes per token: request header at 0, status byte at 16.
    let slots: UnsafeMutableRawPointer
    /// By descriptor: the segment in it, for handing back. Private to the driver.
    let segments: UnsafeMutablePointer<BlockSegment>

    /// Size of the disk in sectors of 512 bytes.
    public let capacity: UInt64
    public let isReadOnly: Bool
    /// Whether the device has a write cache and takes `flush`; without it a completed write is on the disk, and flush completes too.
    public let canFlush: Bool
    /// The most segments of one request.
    public let segmentLimit: Int
    /// Requests under way.
    public private(set) var requestsUnderWay = 0
    private var isGivenUp = false

    enum Feature {
        static var segMax: UInt64 { 1 << 2 }
        static var readOnly: UInt64 { 1 << 5 }
        static var flush: UInt64 { 1 << 9 }
    }

    /// Brings the device up.
    public init(_ transport: Transport, in memory: Memory) throws(VirtIOError) {
        let features = try transport.negotiate(
            VirtIODeviceType.block, wanted: Feature.segMax | Feature.readOnly | Feature.flush)
        let queue = try Virtqueue(0, of: transport, in: memory)
        let size = Int(queue.size)
        let configuration: (low: UInt32, high: UInt32, segments: UInt32) = try transport.consistently { device in
            (device.configuration32(0), device.configuration32(4), device.configuration32(12))
        }
        guard let slots = memory.allocate(byteCount: 32 * size),
            let segments = memory.allocate(byteCount: MemoryLayout<BlockSegment>.stride * size)
        else { throw transport.refuse(.noMemory) }
        var limit = min(64, size - 2)
        if features & Feature.segMax != 0 { limit = min(limit, Int(configuration.segments)) }
        guard limit > 0 else { throw transport.refuse(.badConfiguration) }
        try transport.goLive()

        self.transport = transport
        self.memory = memory
        self.queue = queue
        self.slots = slots
        self.segments = segments.bindMemory(to: BlockSegment.self, capacity: size)
        capacity = UInt64(configuration.high) << 32 | UInt64(configuration.low)
        isReadOnly = features & Feature.readOnly != 0
        canFlush = features & Feature.flush != 0
        segmentLimit = limit
    }

    /// What the interrupt handler holds.
    public var interrupt: VirtIOInterrupt<Transport, Memory> {
        VirtIOInterrupt(transport: transport, mask: queue.interruptMask)
    }

    /// Starts a request over scattered memory.
    /// - Parameters:
    ///   - sector: the first, in units of 512 bytes; ignored by a flush.
    ///   - segmentCount: 1 to `segmentLimit`; ignored by a flush, which has none.
    ///   - segment: gives segment 0, 1, …, in the order of the disk; called twice for each.
    /// - Returns: nil when the queue is full: wait for a completion and try again.
    public mutating func submit(
        _ operation: BlockOperation, sector: UInt64, segmentCount: Int, segment: (Int) -> BlockSegment
    ) throws(BlockError) -> BlockToken? {
        guard !isGivenUp else { throw .deviceBroken }
        let segmentCount = operation == .flush ? 0 : segmentCount
        try check(operation, sector, segmentCount, segment)
        guard var chain = queue.startChain(count: UInt16(segmentCount + 2)) else { return nil }
        let slot = slots + 32 * Int(chain.head)
        // struct virtio_blk_req: type, reserved, sector; little-endian, or the guest's own order on a legacy device: the same here.
        let isFlush = operation == .flush
        let type: UInt32 = isFlush ? 4 : operation == .write ? 1 : 0  // VIRTIO_BLK_T_FLUSH, _OUT, _IN
        slot.storeBytes(of: type, as: UInt32.self)
        slot.storeBytes(of: 0, toByteOffset: 4, as: UInt32.self)
        slot.storeBytes(of: isFlush ? 0 : sector, toByteOffset: 8, as: UInt64.self)
        slot.storeBytes(of: 0xff, toByteOffset: 16, as: UInt8.self)
        memory.giveToDevice(slot, byteCount: 16, .deviceReads)
        queue.append(memory.deviceAddress(of: slot), byteCount: 16, .deviceReads, to: &chain)
        let direction: DMADirection = operation == .read ? .deviceWrites : .deviceReads
        for i in 0..<segmentCount {
            let piece = segment(i)
            memory.giveToDevice(piece.pointer, byteCount: piece.byteCount, direction)
            let number = queue.append(
                memory.deviceAddress(of: piece.pointer), byteCount: UInt32(piece.byteCount), direction, to: &chain)
            segments[Int(number)] = piece
        }
        memory.giveToDevice(slot + 16, byteCount: 1, .deviceWrites)
        queue.append(memory.deviceAddress(of: slot + 16), byteCount: 1, .deviceWrites, to: &chain)
        queue.submit(chain)
        queue.kick(transport)
        requestsUnderWay += 1
        return BlockToken(index: chain.head)
    }

    /// Starts a request over one piece of memory.
    public mutating func submit(
        _ operation: BlockOperation, sector: UInt64, _ pointer: UnsafeMutableRawPointer, byteCount: Int
    ) throws(BlockError) -> BlockToken? {
        try submit(operation, sector: sector, segmentCount: 1) { _ in BlockSegment(pointer, byteCount: byteCount) }
    }

    /// Asks the device to make every completed write durable. Not to be asked of a device that cannot (`canFlush`).
    public mutating func submitFlush() throws(BlockError) -> BlockToken? {
        let none = BlockSegment(slots, byteCount: 0)
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
            // All is back but for a request that came under a false name: whoever waits for it would for ever.
            if queue.isBroken || (queue.badUsedIDs != 0 && requestsUnderWay > 0 && queue.isAllBack) { giveUp() }
            return nil
        }
        let slot = slots + 32 * Int(chain.head)
        memory.takeFromDevice(slot, byteCount: 16, .deviceReads)
        memory.takeFromDevice(slot + 16, byteCount: 1, .deviceWrites)
        let isRead = slot.loadUnaligned(as: UInt32.self) == 0
        var number = chain.head
        for _ in 0..<Int(chain.count) - 2 {
            number = queue.descriptor(after: number)
            let piece = segments[Int(number)]
            memory.takeFromDevice(piece.pointer, byteCount: piece.byteCount, isRead ? .deviceWrites : .deviceReads)
        }
        let status: BlockStatus =
            switch slot.load(fromByteOffset: 16, as: UInt8.self) {
            case 0: .done
            case 1: .failed
            case 2: .unsupported
            default: .noAnswer
            }
        requestsUnderWay -= 1
        return BlockCompletion(token: BlockToken(index: chain.head), status: status)
    }

    /// Looks whether the device still works: after an interrupt with `.configuration` among its causes, and when a request takes
    /// long. False: it was given up (`isBroken`).
    @discardableResult
    public mutating func checkDevice() -> Bool {
        if !isGivenUp, !transport.isLive { giveUp() }
        return !isGivenUp
    }

    /// Resets the device, for good: the memory of the requests under way is its owners' again. Also the caller's way out when a request
    /// never comes back. A device that does not even finish the reset may still write where it was to read to; what it wrote must not be
    /// taken for what is on the disk, and is not: all its requests have failed.
    @inline(never)
    public mutating func giveUp() {
        guard !isGivenUp else { return }
        isGivenUp = true
        queue.breakOff()
        _ = transport.reset()
    }

    /// Lets the device interrupt again after `completed` has returned nil.
    /// - Returns: true when something finished meanwhile: call `completed` again.
    public mutating func rearm() -> Bool { queue.unmaskInterrupts() }

    /// Counted misbehaviour of the device: used ids and used lengths that were false.
    public var badUsedIDs: Int { queue.badUsedIDs }
    public var badUsedLengths: Int { queue.badUsedLengths }
    /// The device was given up: nothing more will complete.
    public var isBroken: Bool { isGivenUp }
}
