// Packet rings in the hands of a hostile program: the input says what it writes where, and when the kernel looks.

import NetStack
import SystemInterface

/// A region as a program and the kernel have it.
@safe public final class TestRegion {
    /// Sv39 leaves, and the pages behind them.
    private let leaves: UnsafeMutablePointer<UInt64>
    private let pages: [UnsafeMutableRawPointer]
    public let region: RingRegion
    public var rings: PacketRings

    /// - Parameter lender: the region whose buffers the slots name; nil: its own.
    public init(_ request: PacketRingsRequest, buffersOf lender: RingRegion? = nil, frameLimit: Int = 1518) {
        let count = request.pageCount
        // given back by deinit
        unsafe leaves = .allocate(capacity: count)
        unsafe pages = (0..<count).map { _ in .allocate(byteCount: 4096, alignment: 4096) }
        for index in 0..<count {
            // in bounds: `count` of both
            unsafe pages[index].initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
            unsafe leaves[index] = (UInt64(UInt(bitPattern: pages[index])) >> 12) << 10 | 0xd7
        }
        region = unsafe RingRegion(unsafe: leaves, pageCount: count, offset: 0)
        rings = PacketRings(region, request, buffersOf: lender, frameLimit: frameLimit)
    }

    deinit {
        for index in unsafe pages.indices { unsafe pages[index].deallocate() }
        unsafe leaves.deallocate()
    }

    /// Eight bytes at a place in the region, a multiple of 8 after cutting it to what there is.
    public subscript(place: Int) -> UInt64 {
        get { unsafe word(place).pointee }  // in bounds, as `word` says
        set { unsafe word(place).pointee = newValue }
    }

    // in bounds: the page is one of them, and the offset below 4096
    private func word(_ place: Int) -> UnsafeMutablePointer<UInt64> {
        unsafe (pages[(place >> 12) % pages.count] + (place & 0xff8)).assumingMemoryBound(to: UInt64.self)
    }

    /// The head of a ring, as the program writes it.
    public func setHead(_ ring: PacketRingNumber, _ head: Int) {
        let place = ring.rawValue * PacketRingLayout.ringBytes
        self[place] = self[place] & ~0xffff_ffff | UInt64(UInt32(truncatingIfNeeded: head))
    }

    public func tail(_ ring: PacketRingNumber) -> Int { Int(self[ring.rawValue * PacketRingLayout.ringBytes] >> 32) }

    public func slot(_ ring: PacketRingNumber, _ index: Int) -> PacketSlot {
        PacketSlot(rawValue: self[PacketRingLayout.slots(ring.rawValue) + 8 * index])
    }

    public func set(_ ring: PacketRingNumber, _ index: Int, _ slot: PacketSlot) {
        self[PacketRingLayout.slots(ring.rawValue) + 8 * index] = slot.rawValue
    }

    /// The first bytes of a buffer.
    public func bytes(_ buffer: Int, _ count: Int) -> [UInt8] {
        (0..<count).map {
            UInt8(
                truncatingIfNeeded: self[PacketRingLayout.buffers + 2048 * buffer + $0 & ~7] >> UInt64(8 * ($0 & 7)))
        }
    }
}

enum HostileRings {
    private static let packets = 24
    // A pool that one run leaves as the next one finds it; its memory is never given back.
    private static let pool: PacketPool = unsafe PacketPool(
        memory: .allocate(byteCount: (packets + 1) * PacketPool.bufferSize, alignment: 4096),
        byteCount: (packets + 1) * PacketPool.bufferSize)!

    /// Each turn takes ten bytes: what, where, and a word.
    static func run(_ input: [UInt8]) -> UInt64 {
        var request = PacketRingsRequest()
        (request.transmitSlots, request.receiveSlots, request.hostSlots, request.extraBuffers) = (8, 5, 2, 17)
        let one = TestRegion(request), other = TestRegion(request)
        (request.extraBuffers, request.buffersOf, request.firstBuffer) = (0, 1, 17)
        let borrower = TestRegion(request, buffersOf: one.region)
        var moved: UInt64 = 0
        var at = 0
        while at + 11 <= input.count {
            let place = Int(input[at + 1]) << 8 | Int(input[at + 2])
            var word: UInt64 = 0
            for index in 0..<8 { word |= UInt64(input[at + 3 + index]) << UInt64(8 * index) }
            let what = input[at]
            moved &+= what & 8 == 0 ? act(what, place, word, one, other) : act(what, place, word, borrower, one)
            at += 11
        }
        precondition(pool.freeCount == packets, "a packet is lost in the rings")
        return moved
    }

    private static func act(
        _ what: UInt8, _ place: Int, _ word: UInt64, _ one: TestRegion, _ other: TestRegion
    ) -> UInt64 {
        switch what & 7 {
        case 0: one[place] = word
        case 1: one.setHead(PacketRingNumber.allCases[place & 3], Int(word & 15))
        case 2: one.set(PacketRingNumber.allCases[place & 3], place >> 8 & 7, PacketSlot(rawValue: word))
        case 3: _ = one.rings.takeHeads(PacketRingSync(rawValue: UInt32(place & 3)))
        case 4: return send(one)
        case 5:
            if let frame = pool.packet([UInt8](repeating: what, count: Int(word % 1700))) { one.rings.put(frame) }
            if let frame = pool.packet([UInt8](repeating: what, count: 60)) { one.rings.putHost(LentPacket(frame)) }
        case 6:
            _ = other.rings.takeHeads([.transmit, .receive])
            return one.rings.forward(to: &other.rings) ? 1 : 0
        default:
            other.setHead(.receive, other.tail(.receive))
            _ = other.rings.takeHeads(.receive)
            return other.rings.forward(to: &one.rings) ? 1 : 0
        }
        return 0
    }

    /// Sends all that is in the rings.
    private static func send(_ one: TestRegion) -> UInt64 {
        var bytes: UInt64 = 0
        var turns = 0
        while turns < 100 {
            turns += 1
            switch one.rings.take(from: pool, for: .sending) {
            case .packet(let frame):
                precondition(frame.count >= 14 && frame.count <= 1518, "a frame of an impossible length left a ring")
                bytes &+= UInt64(frame.count)
                one.rings.pass()
            default: turns = 100
            }
        }
        if case .packet = one.rings.takeHost(from: pool, for: .receiving) { one.rings.passHost() }
        one.rings.publishRoom()
        return bytes
    }
}
