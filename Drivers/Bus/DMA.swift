// Memory that a driver shares with its device.
//
// Two kinds. *Ring* memory is read and written by both sides at any time: only through load and store here. *Buffers*
// belong to one side at a time: `giveToDevice` before the device may touch one, `takeFromDevice` before the processor
// looks again. In the kernel both hand-overs cost nothing; in tests the device sees copies, so a forgotten hand-over
// fails the test.
//
// The protocol speaks of addresses, which no compiler can check: drivers use the windows of DMAWindow.swift.

import Synchronization

/// What the device does with a buffer.
public enum DMADirection {
    case deviceReads
    case deviceWrites
}

/// Memory shared with devices. A small copyable handle.
///
/// The implementer gives `allocate`, `deviceAddress` and `orderAll`; in the kernel the rest comes from the defaults
/// below.
public protocol DMA {
    /// Zeroed memory, page-aligned and contiguous for the device, never given back; nil when there is none.
    func allocate(byteCount: Int) -> UnsafeMutableRawPointer?
    /// Which of the machine's processors runs the caller, from 0 on.
    var processor: Int { get }
    /// Zeroed memory of the driver's own, which no device sees: aligned to 16, never given back; nil when there is none.
    func allocateOwn(byteCount: Int) -> UnsafeMutableRawPointer?
    /// Where the device finds a byte of memory that this object allocated (in the kernel: any byte of the direct map).
    func deviceAddress(of pointer: UnsafeMutableRawPointer) -> UInt64

    func giveToDevice(_ pointer: UnsafeMutableRawPointer, byteCount: Int, _ direction: DMADirection)
    func takeFromDevice(_ pointer: UnsafeMutableRawPointer, byteCount: Int, _ direction: DMADirection)

    func load16(_ pointer: UnsafeMutableRawPointer) -> UInt16
    func load32(_ pointer: UnsafeMutableRawPointer) -> UInt32
    func store16(_ value: UInt16, _ pointer: UnsafeMutableRawPointer)
    func store32(_ value: UInt32, _ pointer: UnsafeMutableRawPointer)
    func store64(_ value: UInt64, _ pointer: UnsafeMutableRawPointer)

    /// Memory accesses before it are seen before memory stores after it (`fence rw,w`).
    func orderStores()
    /// Memory loads before it are done before memory accesses after it (`fence r,rw`).
    func orderLoads()
    /// All memory and register accesses before it come before all after it (`fence iorw,iorw`; a plain atomic fence
    /// leaves out I/O).
    func orderAll()
}

extension DMA {
    public var processor: Int { 0 }
    public func allocateOwn(byteCount: Int) -> UnsafeMutableRawPointer? { unsafe allocate(byteCount: byteCount) }
    public func giveToDevice(
        _ pointer: UnsafeMutableRawPointer, byteCount: Int, _ direction: DMADirection
    ) {}
    public func takeFromDevice(
        _ pointer: UnsafeMutableRawPointer, byteCount: Int, _ direction: DMADirection
    ) {}
    public func orderStores() { atomicMemoryFence(ordering: .releasing) }
    public func orderLoads() { atomicMemoryFence(ordering: .acquiring) }
}

#if hasFeature(Embedded)
    // The pointer's validity is the caller's promise, as the protocol's types say.
    extension DMA {
        public func load16(_ pointer: UnsafeMutableRawPointer) -> UInt16 {
            unsafe Volatile.load16(UInt(bitPattern: pointer))  // the caller's promise
        }
        public func load32(_ pointer: UnsafeMutableRawPointer) -> UInt32 {
            unsafe Volatile.load32(UInt(bitPattern: pointer))  // the caller's promise
        }
        public func store16(_ v: UInt16, _ pointer: UnsafeMutableRawPointer) {
            unsafe Volatile.store16(v, UInt(bitPattern: pointer))  // the caller's promise
        }
        public func store32(_ v: UInt32, _ pointer: UnsafeMutableRawPointer) {
            unsafe Volatile.store32(v, UInt(bitPattern: pointer))  // the caller's promise
        }
        public func store64(_ v: UInt64, _ pointer: UnsafeMutableRawPointer) {
            unsafe Volatile.store64(v, UInt(bitPattern: pointer))  // the caller's promise
        }
    }
#endif
