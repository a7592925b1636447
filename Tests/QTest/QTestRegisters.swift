// What the drivers' `Registers` and `DMA` are when the device sits in QEMU.

import Drivers
import Foundation

private func hex(_ value: some BinaryInteger) -> String { "0x" + String(value, radix: 16) }

/// x86 ports from a base on.
public struct QTestPorts: Registers {
    let machine: QTestMachine
    let base: Int

    public init(_ machine: QTestMachine, base: Int) {
        self.machine = machine
        self.base = base
    }

    public func load8(_ offset: Int) -> UInt8 { UInt8(truncatingIfNeeded: machine.number("inb \(hex(base + offset))")) }
    public func load16(_ offset: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: machine.number("inw \(hex(base + offset))"))
    }
    public func load32(_ offset: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: machine.number("inl \(hex(base + offset))"))
    }
    public func load64(_ offset: Int) -> UInt64 { fatalError("no port has 64 bits") }
    public func store8(_ value: UInt8, _ offset: Int) { machine.tell("outb \(hex(base + offset)) \(hex(value))") }
    public func store16(_ value: UInt16, _ offset: Int) { machine.tell("outw \(hex(base + offset)) \(hex(value))") }
    public func store32(_ value: UInt32, _ offset: Int) { machine.tell("outl \(hex(base + offset)) \(hex(value))") }
    public func store64(_ value: UInt64, _ offset: Int) { fatalError("no port has 64 bits") }
}

/// Memory-mapped registers from an address on.
public struct QTestMMIO: RegisterSpace {
    let machine: QTestMachine
    let base: UInt64

    public init(_ machine: QTestMachine, base: UInt64) {
        self.machine = machine
        self.base = base
    }

    public func window(at offset: Int) -> QTestMMIO { QTestMMIO(machine, base: base + UInt64(offset)) }

    private func at(_ offset: Int) -> String { hex(base + UInt64(offset)) }
    public func load8(_ offset: Int) -> UInt8 { UInt8(truncatingIfNeeded: machine.number("readb \(at(offset))")) }
    public func load16(_ offset: Int) -> UInt16 { UInt16(truncatingIfNeeded: machine.number("readw \(at(offset))")) }
    public func load32(_ offset: Int) -> UInt32 { UInt32(truncatingIfNeeded: machine.number("readl \(at(offset))")) }
    public func load64(_ offset: Int) -> UInt64 { machine.number("readq \(at(offset))") }
    public func store8(_ value: UInt8, _ offset: Int) { machine.tell("writeb \(at(offset)) \(hex(value))") }
    public func store16(_ value: UInt16, _ offset: Int) { machine.tell("writew \(at(offset)) \(hex(value))") }
    public func store32(_ value: UInt32, _ offset: Int) { machine.tell("writel \(at(offset)) \(hex(value))") }
    public func store64(_ value: UInt64, _ offset: Int) { machine.tell("writeq \(at(offset)) \(hex(value))") }
}

/// Guest memory that the test gives out, with a copy here: the driver works on the copy, the device on the guest's
/// memory, and only the hand-over calls move bytes between them. Rings are the guest's alone.
@safe
public final class QTestMemory {
    let machine: QTestMachine
    let base: UInt64
    let byteCount: Int
    let copy: UnsafeMutableRawPointer
    fileprivate var used = 0

    /// - Parameter base: in RAM, clear of the idle program at its start.
    public init(_ machine: QTestMachine, base: UInt64 = 0x8100_0000, byteCount: Int = 4 << 20) {
        self.machine = machine
        self.base = base
        self.byteCount = byteCount
        unsafe copy = .allocate(byteCount: byteCount, alignment: 4096)
        unsafe copy.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }

    deinit { unsafe copy.deallocate() }

    fileprivate func address(_ pointer: UnsafeMutableRawPointer) -> UInt64 {
        let offset = unsafe pointer - copy
        precondition(offset >= 0 && offset < byteCount, "a pointer that is not DMA memory")
        return base + UInt64(offset)
    }
}

public struct QTestDMA: DMA {
    let memory: QTestMemory

    public init(_ memory: QTestMemory) { self.memory = memory }

    public func allocate(byteCount: Int) -> UnsafeMutableRawPointer? {
        let rounded = (byteCount + 4095) & ~4095
        guard memory.used + rounded <= memory.byteCount else { return nil }
        defer { memory.used += rounded }
        return unsafe memory.copy + memory.used
    }
    public func deviceAddress(of pointer: UnsafeMutableRawPointer) -> UInt64 { unsafe memory.address(pointer) }
    public func giveToDevice(_ pointer: UnsafeMutableRawPointer, byteCount: Int, _ direction: DMADirection) {
        guard direction == .deviceReads else { return }
        unsafe memory.machine.write(memory.address(pointer), UnsafeRawBufferPointer(start: pointer, count: byteCount))
    }
    public func takeFromDevice(_ pointer: UnsafeMutableRawPointer, byteCount: Int, _ direction: DMADirection) {
        guard direction == .deviceWrites, byteCount > 0 else { return }
        let bytes = unsafe memory.machine.read(memory.address(pointer), byteCount)
        unsafe UnsafeMutableRawBufferPointer(start: pointer, count: byteCount).copyBytes(from: bytes)
    }

    private func at(_ pointer: UnsafeMutableRawPointer) -> String { unsafe hex(memory.address(pointer)) }
    public func load16(_ pointer: UnsafeMutableRawPointer) -> UInt16 {
        UInt16(truncatingIfNeeded: memory.machine.number(unsafe "readw \(at(pointer))"))
    }
    public func load32(_ pointer: UnsafeMutableRawPointer) -> UInt32 {
        UInt32(truncatingIfNeeded: memory.machine.number(unsafe "readl \(at(pointer))"))
    }
    public func store16(_ value: UInt16, _ pointer: UnsafeMutableRawPointer) {
        memory.machine.tell(unsafe "writew \(at(pointer)) \(hex(value))")
    }
    public func store32(_ value: UInt32, _ pointer: UnsafeMutableRawPointer) {
        memory.machine.tell(unsafe "writel \(at(pointer)) \(hex(value))")
    }
    public func store64(_ value: UInt64, _ pointer: UnsafeMutableRawPointer) {
        memory.machine.tell(unsafe "writeq \(at(pointer)) \(hex(value))")
    }
    /// Commands are carried out one after the other.
    public func orderAll() {}
}
