// DMA memory for tests, in two copies: what the processor sees and what the device sees. Only the hand-over calls move
// bytes between them, so that a driver which forgets one fails its test. Rings exist on the device's side alone.

import Drivers

@safe
final class TestMemory {
    static let deviceBase: UInt64 = 0x8000_0000
    let byteCount: Int
    let processor: UnsafeMutableRawPointer
    let device: UnsafeMutableRawPointer
    private var used = 0
    /// When set, allocations beyond this many bytes fail.
    var limit: Int
    /// Which processor the driver finds that it runs on.
    var runningOn = 0

    init(byteCount: Int = 8 << 20) {
        self.byteCount = byteCount
        limit = byteCount
        unsafe processor = .allocate(byteCount: byteCount, alignment: 4096)
        unsafe device = .allocate(byteCount: byteCount, alignment: 4096)
        unsafe processor.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        unsafe device.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }

    deinit {
        unsafe processor.deallocate()
        unsafe device.deallocate()
    }

    func allocate(_ count: Int) -> UnsafeMutableRawPointer? {
        let rounded = (count + 4095) & ~4095
        guard used + rounded <= limit else { return nil }
        defer { used += rounded }
        return unsafe processor + used
    }

    func offset(_ pointer: UnsafeMutableRawPointer, _ count: Int) -> Int {
        let offset = unsafe pointer - processor
        precondition(offset >= 0 && offset + count <= byteCount, "a pointer that is not DMA memory")
        return offset
    }

    /// Where the device finds an address; nil when it is no address of this memory.
    func deviceSide(_ address: UInt64, _ count: Int) -> UnsafeMutableRawPointer? {
        guard address >= Self.deviceBase, address - Self.deviceBase + UInt64(count) <= UInt64(byteCount) else {
            return nil
        }
        return unsafe device + Int(address - Self.deviceBase)
    }
}

struct TestDMA: DMA {
    let memory: TestMemory

    var processor: Int { memory.runningOn }
    func allocate(byteCount: Int) -> UnsafeMutableRawPointer? { unsafe memory.allocate(byteCount) }
    func deviceAddress(of pointer: UnsafeMutableRawPointer) -> UInt64 {
        unsafe TestMemory.deviceBase + UInt64(memory.offset(pointer, 0))
    }
    func giveToDevice(_ pointer: UnsafeMutableRawPointer, byteCount: Int, _ direction: DMADirection) {
        let there = unsafe memory.device + memory.offset(pointer, byteCount)
        switch direction {
        case .deviceReads: unsafe there.copyMemory(from: pointer, byteCount: byteCount)
        case .deviceWrites: unsafe there.initializeMemory(as: UInt8.self, repeating: 0xee, count: byteCount)
        }
    }
    func takeFromDevice(_ pointer: UnsafeMutableRawPointer, byteCount: Int, _ direction: DMADirection) {
        let there = unsafe memory.device + memory.offset(pointer, byteCount)
        if direction == .deviceWrites { unsafe pointer.copyMemory(from: there, byteCount: byteCount) }
    }
    private func ring(_ pointer: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        unsafe memory.device + memory.offset(pointer, 8)
    }
    func load16(_ pointer: UnsafeMutableRawPointer) -> UInt16 { unsafe ring(pointer).load(as: UInt16.self) }
    func load32(_ pointer: UnsafeMutableRawPointer) -> UInt32 { unsafe ring(pointer).load(as: UInt32.self) }
    func store16(_ value: UInt16, _ pointer: UnsafeMutableRawPointer) {
        unsafe ring(pointer).storeBytes(of: value, as: UInt16.self)
    }
    func store32(_ value: UInt32, _ pointer: UnsafeMutableRawPointer) {
        unsafe ring(pointer).storeBytes(of: value, as: UInt32.self)
    }
    func store64(_ value: UInt64, _ pointer: UnsafeMutableRawPointer) {
        unsafe ring(pointer).storeBytes(of: value, as: UInt64.self)
    }
    func orderAll() {}
}
