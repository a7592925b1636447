// How a driver reaches the registers of its device, whoever holds them: the machine, a model in a test, QEMU over a socket.
//
// Promise: each call is exactly one access of exactly that width, never merged, split, repeated or left out, and the accesses of one
// thread reach the device in program order. Values are in host order; devices here are little-endian, as the machine is.
// Ordering against ordinary memory is not promised: that is `DMA.orderAll()`.

/// Access to one device's register window, by byte offset. A small copyable handle: the interrupt handler keeps its own.
public protocol Registers {
    func load8(_ offset: Int) -> UInt8
    func load16(_ offset: Int) -> UInt16
    func load32(_ offset: Int) -> UInt32
    func load64(_ offset: Int) -> UInt64
    func store8(_ value: UInt8, _ offset: Int)
    func store16(_ value: UInt16, _ offset: Int)
    func store32(_ value: UInt32, _ offset: Int)
    func store64(_ value: UInt64, _ offset: Int)
}

/// Registers of which a part can be looked at as a window of its own: a bus that has devices on it.
public protocol RegisterSpace: Registers {
    /// The registers from this byte offset on.
    func window(at offset: Int) -> Self
}

#if hasFeature(Embedded)
import _Volatile

/// Registers mapped into the address space: volatile loads and stores. The caller has mapped the window, and its offsets fit in it.
public struct MappedRegisters: RegisterSpace {
    public let base: UInt

    /// - Parameter base: the virtual address of offset 0, aligned to 8 bytes.
    public init(base: UInt) { self.base = base }

    public func window(at offset: Int) -> MappedRegisters { MappedRegisters(base: base + UInt(bitPattern: offset)) }

    @inline(__always) public func load8(_ offset: Int) -> UInt8 { Volatile.load8(base &+ UInt(bitPattern: offset)) }
    @inline(__always) public func load16(_ offset: Int) -> UInt16 { Volatile.load16(base &+ UInt(bitPattern: offset)) }
    @inline(__always) public func load32(_ offset: Int) -> UInt32 { Volatile.load32(base &+ UInt(bitPattern: offset)) }
    @inline(__always) public func load64(_ offset: Int) -> UInt64 { Volatile.load64(base &+ UInt(bitPattern: offset)) }
    @inline(__always) public func store8(_ value: UInt8, _ offset: Int) { Volatile.store8(value, base &+ UInt(bitPattern: offset)) }
    @inline(__always) public func store16(_ value: UInt16, _ offset: Int) { Volatile.store16(value, base &+ UInt(bitPattern: offset)) }
    @inline(__always) public func store32(_ value: UInt32, _ offset: Int) { Volatile.store32(value, base &+ UInt(bitPattern: offset)) }
    @inline(__always) public func store64(_ value: UInt64, _ offset: Int) { Volatile.store64(value, base &+ UInt(bitPattern: offset)) }
}

/// Single volatile accesses at an address: what `MappedRegisters` and the default of `DMA` are made of.
public enum Volatile {
    @inline(__always) public static func load8(_ a: UInt) -> UInt8 { VolatileMappedRegister<UInt8>(unsafeBitPattern: a).load() }
    @inline(__always) public static func load16(_ a: UInt) -> UInt16 { VolatileMappedRegister<UInt16>(unsafeBitPattern: a).load() }
    @inline(__always) public static func load32(_ a: UInt) -> UInt32 { VolatileMappedRegister<UInt32>(unsafeBitPattern: a).load() }
    @inline(__always) public static func load64(_ a: UInt) -> UInt64 { VolatileMappedRegister<UInt64>(unsafeBitPattern: a).load() }
    @inline(__always) public static func store8(_ v: UInt8, _ a: UInt) { VolatileMappedRegister<UInt8>(unsafeBitPattern: a).store(v) }
    @inline(__always) public static func store16(_ v: UInt16, _ a: UInt) { VolatileMappedRegister<UInt16>(unsafeBitPattern: a).store(v) }
    @inline(__always) public static func store32(_ v: UInt32, _ a: UInt) { VolatileMappedRegister<UInt32>(unsafeBitPattern: a).store(v) }
    @inline(__always) public static func store64(_ v: UInt64, _ a: UInt) { VolatileMappedRegister<UInt64>(unsafeBitPattern: a).store(v) }
}
#endif
