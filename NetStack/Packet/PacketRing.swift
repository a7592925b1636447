// One ring of packets that a program shares: where it stands, as the kernel knows it.
//
// Promise: the kernel's own copies alone say which slots are whose. Of what the program writes, its head is read when
// the program asks for that, and believed if it is where it may be; and each slot is read once, when its turn comes.

import Synchronization
import SystemInterface

/// One ring. From `first` up to `end` lie the slots that are to be looked at next: of a transmit ring by the kernel, of
/// a receive ring by the program.
@safe
public struct PacketRing {
    /// The ring's part of the header's page, and its slots.
    private let control: UnsafeMutableRawPointer
    private let slots: UnsafeMutablePointer<Atomic<UInt64>>
    public let count: Int
    public private(set) var first = 0
    public private(set) var end = 0
    // For the program to read in its header: PacketRingLayout says of what.
    public private(set) var frames: UInt64 = 0
    public private(set) var dropped: UInt64 = 0
    public private(set) var refused: UInt64 = 0

    /// A ring of `count` slots, which have buffers from number `buffer` on. Of a transmit ring the program has all slots
    /// but one, of a receive ring none.
    init(_ number: PacketRingNumber, of region: RingRegion, count: Int, buffer: Int) {
        // In bounds: a page holds the parts of all rings, and as many slots as a ring may have.
        unsafe control = region.page(0) + number.rawValue * PacketRingLayout.ringBytes
        unsafe slots = region.page(1 + number.rawValue).assumingMemoryBound(to: Atomic<UInt64>.self)
        self.count = max(0, min(count, PacketRingLayout.mostSlots))
        for index in 0..<self.count { set(index, PacketSlot(buffer: buffer + index, length: 0)) }
        store(UInt32(self.count), PacketRingLayout.count)
        store(0 as UInt32, PacketRingLayout.head)
        if number == .transmit || number == .hostTransmit { publishRoom() } else { publishEnd() }
    }

    // MARK: What the program sees. In bounds: offsets are PacketRingLayout's, and indexes below `count`.

    @inline(__always)
    private func store(_ value: UInt32, _ offset: Int) {
        unsafe (control + offset).assumingMemoryBound(to: Atomic<UInt32>.self).pointee.store(
            value, ordering: .releasing)
    }

    @inline(__always)
    private func store(_ value: UInt64, _ offset: Int) {
        unsafe (control + offset).storeBytes(of: value, as: UInt64.self)
    }

    // in bounds, as above
    @inline(__always)
    private func set(_ index: Int, _ slot: PacketSlot) {
        unsafe slots[index].store(slot.rawValue, ordering: .relaxed)
    }

    @inline(__always)
    private func slot(_ index: Int) -> PacketSlot {
        unsafe PacketSlot(rawValue: slots[index].load(ordering: .relaxed))
    }

    private var head: Int {
        // in bounds, as above
        let word = unsafe (control + PacketRingLayout.head).assumingMemoryBound(to: Atomic<UInt32>.self)
        return Int(unsafe word.pointee.load(ordering: .acquiring))
    }

    private func publishCounts() {
        store(frames, PacketRingLayout.frames)
        store(dropped, PacketRingLayout.dropped)
        store(refused, PacketRingLayout.refused)
    }

    @inline(__always)
    private func after(_ index: Int) -> Int { index &+ 1 >= count ? 0 : index &+ 1 }

    /// How far it is from one slot to another.
    private func distance(_ from: Int, _ to: Int) -> Int { to >= from ? to &- from : to &- from &+ count }

    // MARK: A transmit ring

    /// Takes the program's head over. False, and no change, when it is no slot's.
    mutating func takeTransmitHead() -> Bool {
        let head = head
        guard head < max(1, count) else { return false }
        end = head
        return true
    }

    /// The next slot to send; nil when there is none.
    @inline(__always)
    var next: PacketSlot? { first == end ? nil : slot(first) }

    /// The slot that `next` showed is done with.
    @inline(__always)
    mutating func pass(wasRefused: Bool) {
        skip()
        if wasRefused { refused &+= 1 } else { frames &+= 1 }
    }

    /// The same, counted by `note(frames:)`.
    @inline(__always)
    mutating func skip() { first = after(first) }

    @inline(__always)
    mutating func note(frames count: UInt64) { frames &+= count }

    /// Drops all that is to be sent.
    mutating func drop() {
        dropped &+= UInt64(distance(first, end))
        first = end
    }

    /// The program has no slot that it could fill, but for the one that is always the kernel's.
    public var isFull: Bool { count == 0 || distance(first, end) == count - 1 }

    /// Gives the program the slots that were passed.
    func publishRoom() {
        store(UInt32(first > 0 ? first - 1 : max(0, count - 1)), PacketRingLayout.tail)
        publishCounts()
    }

    // MARK: A receive ring

    /// Takes the program's head over: the slots that it has read are free again. False, and no change, when it is not
    /// between the last one and the tail.
    mutating func takeReceiveHead() -> Bool {
        let head = head
        guard head < max(1, count), distance(first, head) <= distance(first, end) else { return false }
        first = head
        publishCounts()
        return true
    }

    /// The program has no slot to read.
    public var isEmpty: Bool { first == end }

    /// Free slots.
    var room: Int { max(0, count &- 1 &- distance(first, end)) }

    /// There is a free slot for another frame. Without slots the one after the end is the first.
    @inline(__always)
    var hasRoom: Bool { after(end) != first }

    /// The buffer that the next frame goes to; nil when no slot is free.
    @inline(__always)
    var freeBuffer: Int? { hasRoom ? slot(end).buffer : nil }

    /// The same for a frame that is lost, and counted, when no slot is free.
    @inline(__always)
    mutating func nextBuffer() -> Int? {
        guard let buffer = freeBuffer else {
            dropped &+= 1
            return nil
        }
        return buffer
    }

    /// The buffer that `nextBuffer` named holds a frame: the program may read it when `publishEnd` says so.
    @inline(__always)
    mutating func take(_ buffer: Int, length: Int) {
        fill(buffer, length: length)
        frames &+= 1
    }

    /// The same, counted by `note(frames:)`.
    @inline(__always)
    mutating func fill(_ buffer: Int, length: Int) {
        set(end, PacketSlot(buffer: buffer, length: length))
        end = after(end)
    }

    /// The slot names no buffer: the frame is lost, and the slot stays free.
    mutating func refuse() { refused &+= 1 }

    @inline(__always)
    func publishEnd() { store(UInt32(truncatingIfNeeded: end), PacketRingLayout.tail) }
}
