// How a driver reaches the registers of its device: mapped by the machine, in a model of a test, or in QEMU behind a
// socket.
//
// Promise: each call is exactly one access of exactly that width, never merged, split, repeated or left out, and the
// accesses of one thread reach the device in program order. Values are in host order; devices here are little-endian,
// as the machine is. Ordering against ordinary memory is not promised: that is `DMA.orderAll()`.

/// Access to one device's register window, by byte offset. A small copyable handle: the interrupt handler keeps its
/// own.
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

    /// Registers mapped into the address space: volatile loads and stores.
    @safe
    public struct MappedRegisters: RegisterSpace {
        public let base: UInt

        /// - Parameter base: the virtual address of offset 0, aligned to 8 bytes. All offsets that are used with this
        ///   window, or with one made of it, are mapped there, as device memory.
        @unsafe
        public init(base: UInt) { self.base = base }

        /// A part of what was promised to `init`.
        public func window(at offset: Int) -> MappedRegisters {
            unsafe MappedRegisters(base: base + UInt(bitPattern: offset))
        }

        // Mapped, as promised to `init`.

        public func load8(_ offset: Int) -> UInt8 {
            unsafe Volatile.load8(base &+ UInt(bitPattern: offset))  // mapped: see above
        }
        public func load16(_ offset: Int) -> UInt16 {
            unsafe Volatile.load16(base &+ UInt(bitPattern: offset))  // mapped: see above
        }
        public func load32(_ offset: Int) -> UInt32 {
            unsafe Volatile.load32(base &+ UInt(bitPattern: offset))  // mapped: see above
        }
        public func load64(_ offset: Int) -> UInt64 {
            unsafe Volatile.load64(base &+ UInt(bitPattern: offset))  // mapped: see above
        }
        public func store8(_ value: UInt8, _ offset: Int) {
            unsafe Volatile.store8(value, base &+ UInt(bitPattern: offset))  // mapped: see above
        }
        public func store16(_ value: UInt16, _ offset: Int) {
            unsafe Volatile.store16(value, base &+ UInt(bitPattern: offset))  // mapped: see above
        }
        public func store32(_ value: UInt32, _ offset: Int) {
            unsafe Volatile.store32(value, base &+ UInt(bitPattern: offset))  // mapped: see above
        }
        public func store64(_ value: UInt64, _ offset: Int) {
            unsafe Volatile.store64(value, base &+ UInt(bitPattern: offset))  // mapped: see above
        }
    }

    /// Single volatile accesses at an address, which must be mapped and aligned: what `MappedRegisters` and the default
    /// of `DMA` are made of.
    public enum Volatile {
        @unsafe public static func load8(_ a: UInt) -> UInt8 {
            unsafe VolatileMappedRegister<UInt8>(unsafeBitPattern: a).load()  // the caller's promise
        }
        @unsafe public static func load16(_ a: UInt) -> UInt16 {
            unsafe VolatileMappedRegister<UInt16>(unsafeBitPattern: a).load()  // the caller's promise
        }
        @unsafe public static func load32(_ a: UInt) -> UInt32 {
            unsafe VolatileMappedRegister<UInt32>(unsafeBitPattern: a).load()  // the caller's promise
        }
        @unsafe public static func load64(_ a: UInt) -> UInt64 {
            unsafe VolatileMappedRegister<UInt64>(unsafeBitPattern: a).load()  // the caller's promise
        }
        @unsafe public static func store8(_ v: UInt8, _ a: UInt) {
            unsafe VolatileMappedRegister<UInt8>(unsafeBitPattern: a).store(v)  // the caller's promise
        }
        @unsafe public static func store16(_ v: UInt16, _ a: UInt) {
            unsafe VolatileMappedRegister<UInt16>(unsafeBitPattern: a).store(v)  // the caller's promise
        }
        @unsafe public static func store32(_ v: UInt32, _ a: UInt) {
            unsafe VolatileMappedRegister<UInt32>(unsafeBitPattern: a).store(v)  // the caller's promise
        }
        @unsafe public static func store64(_ v: UInt64, _ a: UInt) {
            unsafe VolatileMappedRegister<UInt64>(unsafeBitPattern: a).store(v)  // the caller's promise
        }
    }
#endif
