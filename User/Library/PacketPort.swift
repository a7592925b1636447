// Packet rings as a program uses them (Kernel/Interface/PacketRingLayout.swift says what they are): a card, or one end
// of a pipe of packets, taken over until it is closed.

import Synchronization
public import SystemInterface
import UserMachine

/// A card or an end of a pipe in this program's hands.
public struct PacketPort {
    public let descriptor: FileDescriptor
    private let request: PacketRingsRequest
    /// Where the region begins that has the buffers: this port's, or the one whose buffers it uses.
    private let buffers: UInt
    /// The first of the buffers that no slot had at the start.
    private let firstExtra: Int
    public var transmit: PacketRingView
    public var receive: PacketRingView
    /// What this machine's own stack is to take, and what it sends. Without slots for a pipe.
    public var hostTransmit: PacketRingView
    public var hostReceive: PacketRingView

    /// Opens what an interface's name stands for, or "pipe:" and a name.
    /// - Parameters:
    ///   - extraBuffers: buffers that no slot has, for another port's slots.
    ///   - other: the port whose extra buffers this one's slots get, as many as there are slots: then slots of both may
    ///     exchange buffers.
    /// - Throws: as rings_open; invalidArgument for a name that is too long.
    public init(
        _ name: CString, transmitSlots: Int = 256, receiveSlots: Int = 512, hostSlots: Int = 64,
        extraBuffers: Int = 0, buffersOf other: PacketPort? = nil
    ) throws(SystemError) {
        guard name.count > 0, name.count <= 16 else { throw .invalidArgument }
        var request = PacketRingsRequest()
        for index in 0..<name.count {
            let byte = UInt64(name[index]) << UInt64(8 * (index & 7))
            if index < 8 { request.name0 |= byte } else { request.name8 |= byte }
        }
        request.transmitSlots = UInt32(clamping: transmitSlots)
        request.receiveSlots = UInt32(clamping: receiveSlots)
        request.hostSlots = UInt32(clamping: hostSlots)
        request.extraBuffers = UInt32(clamping: extraBuffers)
        if let other {
            request.buffersOf = UInt16(clamping: other.descriptor.rawValue + 1)
            request.firstBuffer = UInt16(clamping: other.firstExtra)
        }
        descriptor = try System.openRings(&request)
        self.request = request
        buffers = other?.buffers ?? UInt(request.address)
        firstExtra = request.bufferCount - extraBuffers
        let base = UInt(request.address)
        transmit = PacketRingView(.transmit, base)
        receive = PacketRingView(.receive, base)
        hostTransmit = PacketRingView(.hostTransmit, base)
        hostReceive = PacketRingView(.hostReceive, base)
    }

    /// Ends the program, which cannot have or use what a name stands for.
    public static func fail(_ name: CString, _ error: SystemError) -> Never {
        switch error {
        case .networkDown: UserLibrary.fail("\(name): there is no such interface: ifconfig lists them")
        case .busy: UserLibrary.fail("\(name): another program holds it")
        default: UserLibrary.fail("\(name): \(error)")
        }
    }

    /// Six bytes, the first one lowest; of a pipe 0.
    public var hardware: UInt64 { request.hardware }
    /// Bytes of a frame at most.
    public var frameLimit: Int { Int(request.frameLimit) }

    /// Sends what was put into the transmit rings, or takes more into what was read of the receive rings.
    public func synchronise(_ what: PacketRingSync) throws(SystemError) {
        try System.synchroniseRings(descriptor, what)
    }

    /// Waits until there are frames (`PollEntry.readable`) or room (`PollEntry.writable`), and synchronises. The events
    /// that came; 0 when the time has passed.
    public func wait(for events: Int16, milliseconds: Int32) throws(SystemError) -> Int16 {
        var entry = PollEntry(descriptor: descriptor.rawValue, events: events)
        _ = try withAddress(of: &entry) { ecall(.poll, $0, 1, word(milliseconds)) }.checked()
        return entry.returned
    }

    public func close() throws(SystemError) { try System.close(descriptor) }

    /// The bytes of a buffer.
    @inline(__always)
    public func buffer(_ number: Int) -> PacketBytes { PacketBytes(buffers, number) }
}

/// The bytes of one buffer of a region.
@safe
public struct PacketBytes {
    @usableFromInline let start: UnsafeMutableRawPointer

    @inline(__always)
    init(_ region: UInt, _ number: Int) {
        // In the region as long as the port is open: the kernel gave the slot's buffer, or the program a number of its
        // own, whose page may be absent: then the program ends.
        let place = region + UInt(PacketRingLayout.buffers + (number & 0x3ff) * PacketRingLayout.bufferSize)
        unsafe start = UnsafeMutableRawPointer(bitPattern: place).unsafelyUnwrapped
    }

    /// All bytes of the buffer.
    @inline(__always)
    public var count: Int { PacketRingLayout.bufferSize }

    // In bounds: checked against the buffer's size.

    @inline(__always)
    public subscript(offset: Int) -> UInt8 {
        get {
            precondition(offset >= 0 && offset < PacketRingLayout.bufferSize, "a byte beyond a packet's buffer")
            return unsafe start.load(fromByteOffset: offset, as: UInt8.self)
        }
        nonmutating set {
            precondition(offset >= 0 && offset < PacketRingLayout.bufferSize, "a byte beyond a packet's buffer")
            unsafe start.storeBytes(of: newValue, toByteOffset: offset, as: UInt8.self)
        }
    }

    /// Sixteen bits in network order.
    @inline(__always)
    public func number16(_ offset: Int) -> UInt16 { UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) }

    @inline(__always)
    public func set16(_ value: UInt16, _ offset: Int) {
        self[offset] = UInt8(truncatingIfNeeded: value >> 8)
        self[offset + 1] = UInt8(truncatingIfNeeded: value)
    }

    /// Copies bytes to the buffer's start, as many as it has room for.
    public func fill(from bytes: [UInt8]) { for index in 0..<min(bytes.count, count) { self[index] = bytes[index] } }

    /// Copies bytes to a place in the buffer, as far as it has room.
    public func write(_ bytes: RawSpan, at offset: Int) {
        let count = max(0, min(bytes.byteCount, self.count - offset))
        unsafe bytes.withUnsafeBytes {
            if let source = $0.baseAddress, offset >= 0 {
                unsafe (start + offset).copyMemory(from: source, byteCount: count)
            }
        }
    }

    /// Fills bytes from the buffer's start on, no more than it has.
    public func read(into bytes: inout MutableRawSpan) {
        let count = min(bytes.byteCount, self.count)
        unsafe bytes.withUnsafeMutableBytes {
            if let place = $0.baseAddress { unsafe place.copyMemory(from: start, byteCount: count) }
        }
    }
}

/// One ring, as the program sees it. The program reads or fills the slots from `next` on, `available` of them, and
/// `release` hands them over.
@safe
public struct PacketRingView {
    private let control: UnsafeMutableRawPointer
    private let slots: UnsafeMutablePointer<UInt64>
    public let count: Int
    /// The next slot of the program's.
    public private(set) var next: Int

    init(_ ring: PacketRingNumber, _ region: UInt) {
        // In the region, which the kernel mapped.
        unsafe control =
            UnsafeMutableRawPointer(
                bitPattern: region + UInt(ring.rawValue * PacketRingLayout.ringBytes)
            ).unsafelyUnwrapped
        unsafe slots =
            UnsafeMutablePointer(bitPattern: region + UInt(PacketRingLayout.slots(ring.rawValue)))
            .unsafelyUnwrapped
        count = Int(unsafe control.load(fromByteOffset: PacketRingLayout.count, as: UInt32.self))
        next = Int(unsafe control.load(fromByteOffset: PacketRingLayout.head, as: UInt32.self))
    }

    // In bounds: offsets are PacketRingLayout's, and slots below `count`.

    private var tail: Int {
        let word = unsafe (control + PacketRingLayout.tail).assumingMemoryBound(to: Atomic<UInt32>.self)
        return Int(unsafe word.pointee.load(ordering: .acquiring))
    }

    /// Slots that are the program's.
    @inline(__always)
    public var available: Int {
        let tail = tail
        return tail >= next ? tail - next : tail - next + count
    }

    /// The next slot.
    @inline(__always)
    public var slot: PacketSlot {
        get { unsafe PacketSlot(rawValue: slots[next]) }
        nonmutating set { unsafe slots[next] = newValue.rawValue }
    }

    /// Goes on to the slot after it; `release` tells the kernel.
    @inline(__always)
    public mutating func advance() { next = next + 1 == count ? 0 : next + 1 }

    /// Hands the slots before `next` over.
    @inline(__always)
    public func release() {
        unsafe (control + PacketRingLayout.head).assumingMemoryBound(to: Atomic<UInt32>.self).pointee.store(
            UInt32(truncatingIfNeeded: next), ordering: .releasing)
    }

    /// Moves frames to a ring whose slots name the same region's buffers, which change places. How many.
    public mutating func pass(to other: inout PacketRingView, most: Int) -> Int {
        let passed = min(available, other.available, most)
        guard passed > 0 else { return 0 }
        for _ in 0..<passed {
            let free = other.slot.buffer
            other.slot = slot
            slot = PacketSlot(buffer: free, length: 0)
            advance()
            other.advance()
        }
        release()
        other.release()
        return passed
    }

    // in bounds, as above
    private func counter(_ offset: Int) -> UInt64 { unsafe control.load(fromByteOffset: offset, as: UInt64.self) }

    /// Frames that went through; for which there was no room; whose slots named no buffer, or no frame's length.
    public var frames: UInt64 { counter(PacketRingLayout.frames) }
    public var dropped: UInt64 { counter(PacketRingLayout.dropped) }
    public var refused: UInt64 { counter(PacketRingLayout.refused) }
}

extension System {
    /// Takes over what a request names, and fills in where its region is.
    public static func openRings(_ request: inout PacketRingsRequest) throws(SystemError) -> FileDescriptor {
        FileDescriptor(Int32(try withAddress(of: &request) { ecall(.ringsOpen, $0) }.checked()))
    }

    public static func synchroniseRings(_ rings: FileDescriptor, _ what: PacketRingSync) throws(SystemError) {
        _ = try call(.ringsSync, word(rings.rawValue), UInt(what.rawValue))
    }
}
