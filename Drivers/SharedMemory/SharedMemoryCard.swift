// A network card that is memory: two machines on one host share a region (SharedMemoryLayout.swift). Nothing interrupts,
// so the driver looks: at once while frames come and go, milliseconds apart when none do.
// Promise: a machine that comes, goes, starts again or writes anything at all into its half is noticed and survived. A
// frame that was sent before a machine started is not given to it.

import Packets

/// A card of shared memory.
public struct SharedMemoryCard<Window: RegisterSpace, Memory: DMA>: NetworkDevice, ~Copyable {
    /// What went past.
    public struct Counters: Equatable {
        /// Frames that were given to the card while nobody was at the other side.
        public var unheard: UInt64 = 0
        /// Frames of this machine's that no slot has room for.
        public var tooLarge: UInt64 = 0
        /// Lengths that no frame has.
        public var badLengths: UInt64 = 0
        /// Indices that cannot be.
        public var badIndices: UInt64 = 0
        /// Times that all slots were full.
        public var full: UInt64 = 0
    }

    /// Nanoseconds between two looks while frames come and go, and when none have for a while.
    static var shortestWait: UInt64 { 20_000 }
    static var longestWait: UInt64 { 4_000_000 }
    /// Nanoseconds without a sign of life after which the other machine is gone.
    static var silence: UInt64 { 3_000_000_000 }
    /// Nanoseconds for which frames that the other machine does not take make this one look at once.
    static var eagerness: UInt64 { 100_000_000 }
    /// Looks in `rearm` while frames come and go.
    static var eagerLooks: Int { 32 }
    /// A neighbour that writes without end makes no call endless.
    static var mostEmptyRearms: Int { 4 }
    static var greatestFrame: Int { EthernetFrame.greatestByteCount }
    /// An Ethernet header.
    static var leastFrame: Int { 14 }

    let own: SharedHalf<Window>
    let other: SharedHalf<Window>
    private let memory: Memory
    let layout: SharedLayout
    private let pool: PacketPool
    private let side: UInt8
    /// Of this start.
    let generation: UInt32

    /// Sending: behind the last frame, behind the last that the other side may see, behind the last that it has taken.
    var produced: UInt32 = 0
    private var published: UInt32 = 0
    private var taken: UInt32 = 0

    /// Receiving: whose frames; 0: nobody's.
    private var peer: UInt32 = 0
    private var hasLooked = false
    /// The next frame, behind the last that is known of, and what the other side knows that was taken.
    var next: UInt32 = 0
    var known: UInt32 = 0
    private var acknowledged: UInt32 = 0

    private var beats: UInt32 = 0
    private var otherBeat: UInt32
    private var heardAt: UInt64 = 0
    private var now: UInt64 = 0
    private var wait = Self.longestWait
    var hasTraffic = false
    /// Times in a row that `rearm` promised frames and none was one.
    var emptyRearms = 0
    /// When a frame came or went, or the other machine took one.
    private var progressAt: UInt64 = 0
    private var isUsurped = false
    private var unreported = false
    private var hasReportedIndices = false
    public private(set) var isLinkUp = false
    public internal(set) var counters = Counters()

    /// Takes a side of a region.
    /// - Parameters:
    ///   - window: all of the region.
    ///   - side: 1 or 2; the other machine has the other one.
    ///   - random: for the generation.
    /// - Throws: for a region that is too small, and another side.
    public init(
        _ window: Window, byteCount: UInt64, side: UInt8, in memory: Memory, pool: PacketPool, random: UInt64
    ) throws(CardError) {
        guard side == 1 || side == 2 else {
            throw CardError("shm=1 or shm=2 in the boot arguments says which of the two machines this is")
        }
        guard let layout = SharedLayout(byteCount: byteCount) else {
            throw CardError("the shared memory is smaller than 16 slots for each machine")
        }
        self.memory = memory
        self.layout = layout
        self.pool = pool
        self.side = side
        own = SharedHalf(window: window.window(at: side == 1 ? 0 : layout.half))
        other = SharedHalf(window: window.window(at: side == 1 ? layout.half : 0))
        // Another one than that of the start before, and not 0.
        let before = own.generation
        var generation = UInt32(truncatingIfNeeded: random >> 32) | 1
        if generation == before { generation ^= 2 }
        self.generation = generation
        otherBeat = other.beat
        own.identity = 0
        memory.orderAll()
        own.head = SharedIndex(generation, 0)
        own.consumed = SharedIndex(0, 0)
        memory.orderAll()
        own.identity = UInt64(generation) << 32 | SharedLayout.magic
    }

    public var hardwareAddress: EthernetAddress { EthernetAddress(0x52, 0x54, 0x00, 0x73, 0x6d, side) }
    public var mtu: Int { 1500 }
    public var capabilities: NetworkCapabilities { [] }
    public var framesDropped: UInt64 { counters.badLengths &+ counters.badIndices }
    public var ringsFull: UInt64 { counters.full }
    public var patience: UInt64 { wait }

    /// All frames to the other side's address reach it, and all groups: there are only two.
    public mutating func accept(_ filter: ReceiveFilter) {}

    /// What is wrong, once.
    public mutating func takeFaultMessage() -> StaticString? {
        guard unreported else { return nil }
        unreported = false
        return isUsurped
            ? "another machine has taken this side of the shared memory: shm= says which side is whose"
            : "the other machine wrote an index that cannot be"
    }

    // MARK: Sending

    public mutating func transmit(_ frame: consuming LentPacket) -> LentPacket? {
        guard isLinkUp else {
            counters.unheard &+= 1
            return nil
        }
        guard frame.totalCount <= Self.greatestFrame else {
            counters.tooLarge &+= 1
            return nil
        }
        guard hasRoom() else { return frame }
        if frame.hasRest {
            own.putParts(of: frame, at: layout.slot(produced))
        } else {
            own.put(frame.bytes, at: layout.slot(produced))
        }
        produced &+= 1
        hasTraffic = true
        return nil
    }

    public mutating func flush() {
        guard produced != published else { return }
        memory.orderAll()
        own.head = SharedIndex(generation, produced)
        published = produced
    }

    public mutating func requestRoomInterrupt() -> Bool {
        lookForRoom()
        return produced &- taken < layout.slots
    }

    /// Whether a slot is free; counted when none is.
    @inline(__always)
    mutating func hasRoom() -> Bool {
        if produced &- taken < layout.slots { return true }
        lookForRoom()
        if produced &- taken < layout.slots { return true }
        counters.full &+= 1
        return false
    }

    /// How far the other machine has come, if that is possible.
    private mutating func lookForRoom() {
        let word = other.consumed
        guard word.generation == generation else { return }  // it has not seen this start
        guard word.index &- taken <= published &- taken else { return countBadIndex() }
        memory.orderAll()
        if taken != word.index { progressAt = now }
        taken = word.index
    }

    // MARK: Receiving

    public mutating func receive() -> Packet? {
        // As many as a ring has: a malformed length is passed over.
        for _ in 0..<Int(layout.slots) {
            if next == known, !look() { return nil }
            let slot = layout.slot(next)
            guard let count = length(at: slot) else { continue }
            guard var packet = pool.take(), packet.resize(to: (count + 7) & ~7) else { return nil }
            var bytes = packet.mutableBytes
            other.take(into: &bytes, at: slot)
            packet.resize(to: count)
            next &+= 1
            giveBack()
            hasTraffic = true
            emptyRearms = 0
            return packet
        }
        return nil
    }

    /// Bytes of the next frame; nil, counted and passed over, when no frame has so many.
    @inline(__always)
    mutating func length(at slot: Int) -> Int? {
        let count = Int(other.window.load32(slot))
        guard count >= Self.leastFrame, count <= Self.greatestFrame else {
            counters.badLengths &+= 1
            next &+= 1
            return nil
        }
        return count
    }

    /// Whether there are frames that were not known of.
    mutating func look() -> Bool {
        acknowledge()
        let head = other.head
        memory.orderAll()
        let generation = other.generation
        guard generation != 0, generation == head.generation, !isUsurped else { return false }
        if generation != peer { meet(head) }
        guard head.index &- next <= layout.slots else {
            countBadIndex()
            next = head.index
            known = next
            acknowledge()
            return false
        }
        known = head.index
        return next != known
    }

    /// Another start of the other machine. What was in its ring when this one started is not for this one.
    private mutating func meet(_ head: SharedIndex) {
        peer = head.generation
        next = hasLooked && head.index <= layout.slots ? 0 : head.index
        known = next
        acknowledged = next &- 1
        acknowledge()
    }

    /// Lets the other machine have the slots back.
    private mutating func acknowledge() {
        guard acknowledged != next, peer != 0 else { return }
        memory.orderAll()
        own.consumed = SharedIndex(peer, next)
        acknowledged = next
    }

    /// The same when they are a quarter of all: a machine that waits for slots need not wait until all are taken.
    @inline(__always)
    mutating func giveBack() {
        if next &- acknowledged >= layout.slots / 4 { acknowledge() }
    }

    private mutating func countBadIndex() {
        counters.badIndices &+= 1
        if !hasReportedIndices { unreported = true }
        hasReportedIndices = true
    }

    // MARK: Life

    public mutating func reclaim(now: UInt64) {
        self.now = now
        guard !isUsurped else { return }
        if own.identity != UInt64(generation) << 32 | SharedLayout.magic {
            isUsurped = true
            unreported = true
            isLinkUp = false
            wait = Self.longestWait
            return
        }
        beats &+= 1
        own.beat = beats
        let beat = other.beat
        if beat != otherBeat {
            otherBeat = beat
            heardAt = now
        }
        let isHere = heardAt != 0 && now &- heardAt < Self.silence && other.generation != 0
        if !hasLooked {
            _ = look()
            hasLooked = true
        }
        isLinkUp = isHere
        if produced != taken { lookForRoom() }
    }

    public mutating func rearm() -> Bool {
        acknowledge()
        if hasTraffic { progressAt = now }
        let isEager = hasTraffic || (isLinkUp && produced != taken && now &- progressAt < Self.eagerness)
        wait = isEager ? Self.shortestWait : min(wait &* 2, Self.longestWait)
        let looks = hasTraffic ? Self.eagerLooks : 1
        hasTraffic = false
        for _ in 0..<looks where look() {
            emptyRearms &+= 1
            return emptyRearms <= Self.mostEmptyRearms
        }
        return false
    }
}
