// The memory that two machines share (QEMU, docs/specs/ivshmem-spec.rst): half of it is each one's to write and the
// other's to read, so no word has two writers.
//
// A half:
//   0x000  u64  identity: "SWLT", and the generation, a number that changes with each start; 0: no driver
//   0x040  u64  head: the generation, and the index behind the last frame that was sent
//   0x080  u64  consumed: the other half's generation, and the index behind the last of its frames that was taken
//   0x0c0  u32  beat: counts the looks of this half's driver, as a sign of life
//   0x1000      slots of 2 KiB: u32 byte count, u32 unused, the frame from its Ethernet header on
//
// Indices run freely; the slot is the index modulo their number. A word of 64 bits is written and read at once, so an
// index always goes with the generation that it belongs to.
//
// Promise: what the other machine writes is compared before it is used, each word read once. A frame is copied out
// before it is looked at.

import Packets

/// Where things lie in the region. Both machines compute the same from its size.
struct SharedLayout {
    static var identity: Int { 0x000 }
    static var head: Int { 0x040 }
    static var consumed: Int { 0x080 }
    static var beat: Int { 0x0c0 }
    static var firstSlot: Int { 0x1000 }
    static var slotByteCount: Int { 2048 }
    static var frameOffset: Int { 8 }
    /// "SWLT", read as a word.
    static var magic: UInt64 { 0x544c_5753 }

    /// Bytes of a half.
    let half: Int
    /// A power of two.
    let slots: UInt32

    /// nil for a region that is too small.
    init?(byteCount: UInt64) {
        let half = Int(min(byteCount, 64 << 20) / 2) & ~4095
        var slots: UInt32 = 1024
        while slots >= 16, Self.firstSlot + Int(slots) * Self.slotByteCount > half { slots /= 2 }
        guard slots >= 16 else { return nil }
        self.half = half
        self.slots = slots
    }

    /// Where the slot of an index begins, in a half.
    @inline(__always)
    func slot(_ index: UInt32) -> Int { Self.firstSlot &+ Int(index & (slots &- 1)) &* Self.slotByteCount }
}

/// A generation and an index, as they stand in a word.
struct SharedIndex: Equatable {
    let generation: UInt32
    let index: UInt32

    @inline(__always)
    init(_ generation: UInt32, _ index: UInt32) { (self.generation, self.index) = (generation, index) }

    @inline(__always)
    init(word: UInt64) { self.init(UInt32(truncatingIfNeeded: word >> 32), UInt32(truncatingIfNeeded: word)) }

    @inline(__always)
    var word: UInt64 { UInt64(generation) << 32 | UInt64(index) }
}

/// One machine's half.
struct SharedHalf<Window: RegisterSpace> {
    let window: Window

    var identity: UInt64 {
        get { window.load64(SharedLayout.identity) }
        nonmutating set { window.store64(newValue, SharedLayout.identity) }
    }
    /// The generation of a machine that is here; 0 for none.
    var generation: UInt32 {
        let word = identity
        return word & 0xffff_ffff == SharedLayout.magic ? UInt32(word >> 32) : 0
    }
    var head: SharedIndex {
        get { SharedIndex(word: window.load64(SharedLayout.head)) }
        nonmutating set { window.store64(newValue.word, SharedLayout.head) }
    }
    var consumed: SharedIndex {
        get { SharedIndex(word: window.load64(SharedLayout.consumed)) }
        nonmutating set { window.store64(newValue.word, SharedLayout.consumed) }
    }
    var beat: UInt32 {
        get { window.load32(SharedLayout.beat) }
        nonmutating set { window.store32(newValue, SharedLayout.beat) }
    }

    /// Copies a frame into a slot. What lies behind it in its packet is not the other machine's.
    @inline(__always)
    func put(_ bytes: RawSpan, at slot: Int) {
        window.store32(UInt32(bytes.byteCount), slot)
        let words = bytes.byteCount & ~7
        var offset = 0
        while offset < words {
            // In bounds: the offset is below a multiple of eight that the span has.
            let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
            window.store64(word, slot &+ SharedLayout.frameOffset &+ offset)
            offset &+= 8
        }
        guard words < bytes.byteCount else { return }
        window.store64(bytes.lastWord(from: words), slot &+ SharedLayout.frameOffset &+ words)
    }

    /// The same of a frame in several buffers.
    func putParts(of frame: borrowing LentPacket, at slot: Int) {
        window.store32(UInt32(frame.totalCount), slot)
        var word: UInt64 = 0
        var done = 0
        frame.forEachPart { part in
            let bytes = part.bytes
            for i in 0..<bytes.byteCount {
                word |= UInt64(bytes.byte(i)) << UInt64(8 &* (done & 7))
                done &+= 1
                if done & 7 == 0 {
                    window.store64(word, slot &+ SharedLayout.frameOffset &+ done &- 8)
                    word = 0
                }
            }
        }
        if done & 7 != 0 { window.store64(word, slot &+ SharedLayout.frameOffset &+ (done & ~7)) }
    }

    /// Copies a slot's bytes into all of a span, whose size is a multiple of eight.
    @inline(__always)
    func take(into bytes: inout MutableRawSpan, at slot: Int) {
        var offset = 0
        while offset < bytes.byteCount {
            bytes.storeBytes(
                of: window.load64(slot &+ SharedLayout.frameOffset &+ offset), toByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
    }
}

extension RawSpan {
    /// The bytes from an offset on, fewer than eight, as the low ones of a word; the rest is 0.
    @inline(__always)
    fileprivate func lastWord(from offset: Int) -> UInt64 {
        guard byteCount >= 8 else { return bytesOfWord(from: offset) }
        // In bounds: it has eight bytes. Those before the offset are shifted out.
        let word = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: byteCount &- 8, as: UInt64.self)
        return word &>> UInt64(8 &* (8 &- (byteCount &- offset)))
    }

    @inline(never)
    private func bytesOfWord(from offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for i in offset..<byteCount { word |= UInt64(byte(i)) << UInt64(8 &* (i &- offset)) }
        return word
    }
}
