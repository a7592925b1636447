// Typed windows on memory that a driver shares with its device, and on its own tables beside a ring: bounds are checked
// where a window is made, or by masking an index, so that no access of a driver can leave it.

import Packets
import Storage

/// A buffer that belongs to driver and device by turns.
@safe
public struct DMABuffer<Memory: DMA> {
    let memory: Memory
    let start: UnsafeMutableRawPointer
    public let byteCount: Int

    /// - Parameter start: `byteCount` bytes that `memory` can reach and that stay there while the buffer is used.
    public init(unsafe start: UnsafeMutableRawPointer, byteCount: Int, in memory: Memory) {
        self.memory = memory
        unsafe self.start = start
        self.byteCount = byteCount
    }

    /// Zeroed memory that is never given back; nil when there is none.
    init?(byteCount: Int, in memory: Memory) {
        guard let start = unsafe memory.allocate(byteCount: byteCount) else { return nil }
        unsafe self.init(unsafe: start, byteCount: byteCount, in: memory)
    }

    /// A part of the buffer.
    func part(_ offset: Int, _ count: Int) -> DMABuffer {
        precondition(offset >= 0 && count >= 0 && count <= byteCount &- offset, "a part beyond its DMA buffer")
        return unsafe DMABuffer(unsafe: start + offset, byteCount: count, in: memory)
    }

    /// Where the device finds the first byte.
    var deviceAddress: UInt64 { unsafe memory.deviceAddress(of: start) }

    /// The device may read or write the buffer from here on.
    func giveToDevice(_ direction: DMADirection) { unsafe memory.giveToDevice(start, byteCount: byteCount, direction) }

    /// The device is done with the buffer.
    func takeFromDevice(_ direction: DMADirection) {
        unsafe memory.takeFromDevice(start, byteCount: byteCount, direction)
    }

    /// Reads a field of the driver's side.
    func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type) -> T {
        precondition(offset >= 0 && offset <= byteCount &- MemoryLayout<T>.size, "a load beyond its DMA buffer")
        return unsafe start.loadUnaligned(fromByteOffset: offset, as: T.self)
    }

    /// Writes a field of the driver's side.
    func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, _ offset: Int) {
        precondition(offset >= 0 && offset <= byteCount &- MemoryLayout<T>.size, "a store beyond its DMA buffer")
        unsafe start.storeBytes(of: value, toByteOffset: offset, as: T.self)
    }
}

/// One 16-bit word of ring memory.
@safe
struct DMAWord<Memory: DMA> {
    private let memory: Memory
    private let place: UnsafeMutableRawPointer

    init(_ buffer: DMABuffer<Memory>, at offset: Int) {
        let part = buffer.part(offset, 2)
        memory = part.memory
        unsafe place = part.start
    }

    // In bounds: `init` checked.
    func load() -> UInt16 { unsafe memory.load16(place) }
    func store(_ value: UInt16) { unsafe memory.store16(value, place) }
}

/// What a ring consists of.
protocol RingEntry {
    static var byteCount: Int { get }
}

/// Entries of ring memory, a power of two; every index names one, the bits above do not count.
@safe
struct DMARing<Memory: DMA, Entry: RingEntry> {
    private let memory: Memory
    private let start: UnsafeMutableRawPointer
    private let mask: Int

    init(_ buffer: DMABuffer<Memory>, at offset: Int, entries: Int) {
        precondition(entries > 0 && entries & (entries - 1) == 0, "a ring's size is no power of two")
        let part = buffer.part(offset, entries * Entry.byteCount)
        memory = part.memory
        unsafe start = part.start  // `part` has checked that the ring lies in the buffer
        mask = entries - 1
    }

    // In bounds: the index is masked, and `field` is an offset of the entry's own, below its size.
    private func place(_ index: Int, _ field: Int) -> UnsafeMutableRawPointer {
        unsafe start + ((index & mask) &* Entry.byteCount &+ field)
    }
    func load16(_ index: Int, _ field: Int) -> UInt16 { unsafe memory.load16(place(index, field)) }
    func load32(_ index: Int, _ field: Int) -> UInt32 { unsafe memory.load32(place(index, field)) }
    func store16(_ value: UInt16, _ index: Int, _ field: Int) {
        unsafe memory.store16(value, place(index, field))
    }
    func store64(_ value: UInt64, _ index: Int, _ field: Int) {
        unsafe memory.store64(value, place(index, field))
    }
    /// The first entry's bytes.
    var firstEntry: DMABuffer<Memory> {
        unsafe DMABuffer(unsafe: start, byteCount: Entry.byteCount, in: memory)  // in bounds: there is one at least
    }
    /// Where the device finds an entry.
    func deviceAddress(_ index: Int) -> UInt64 { unsafe memory.deviceAddress(of: place(index, 0)) }
}

/// A driver's own table beside a ring, by descriptor or entry, which the device never sees. A power of two of elements;
/// every index names one, the bits above do not count.
@safe
struct RingTable<Element: ~Copyable> {
    private let elements: UnsafeMutablePointer<Element>
    private let mask: Int

    /// nil when there is no memory. Memory and elements stay for ever.
    init?<Memory: DMA>(entries: Int, in memory: Memory, _ initial: () -> Element) {
        precondition(entries > 0 && entries & (entries - 1) == 0, "a ring table's size is no power of two")
        guard let place = unsafe memory.allocateOwn(byteCount: MemoryLayout<Element>.stride * entries) else {
            return nil
        }
        unsafe elements = place.bindMemory(to: Element.self, capacity: entries)
        for i in 0..<entries { unsafe (elements + i).initialize(to: initial()) }
        mask = entries - 1
    }

    subscript(index: UInt16) -> Element {
        // In bounds: masked.
        unsafeAddress { unsafe UnsafePointer(elements + (Int(index) & mask)) }
        nonmutating unsafeMutableAddress { unsafe elements + (Int(index) & mask) }
    }

    /// An element where it lies, to be changed without being moved.
    func ref(_ index: UInt16) -> Ref<Element> {
        unsafe Ref(unsafe: elements + (Int(index) & mask))  // in bounds: masked; elements stay for ever
    }

    var entries: Int { mask + 1 }
}

extension Packet {
    /// The packet's memory from `before` bytes in front of its first byte on, cut to what lies in its buffer.
    func memory<Memory: DMA>(before: Int, _ byteCount: Int, in memory: Memory) -> DMABuffer<Memory> {
        let before = max(0, min(before, headroom))
        let byteCount = max(0, min(byteCount, room &+ before))
        return unsafe DMABuffer(unsafe: firstByte - before, byteCount: byteCount, in: memory)  // in bounds: cut
    }
}

extension LentPacket {
    /// The first buffer's bytes. The device has them until this half is dropped.
    func memory<Memory: DMA>(in memory: Memory) -> DMABuffer<Memory> {
        unsafe DMABuffer(unsafe: firstByte, byteCount: count, in: memory)
    }
}
