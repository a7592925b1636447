// A memory that two machines share, and a machine on each side, worked as the kernel works it.

import Drivers

@testable import NetStack

/// The region.
@safe
final class SharedRegionModel {
    let byteCount: Int
    let bytes: UnsafeMutableRawPointer
    /// Is called before each access, as another machine that writes at any moment.
    var meanwhile: () -> Void = {}

    init(byteCount: Int = 256 << 10) {
        self.byteCount = byteCount
        unsafe bytes = .allocate(byteCount: byteCount, alignment: 4096)
        unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }

    deinit { unsafe bytes.deallocate() }

    /// Writes past every driver, as a hostile machine does.
    func poke(_ value: UInt64, _ offset: Int) {
        precondition(offset >= 0 && offset + 8 <= byteCount)
        unsafe bytes.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
    }

    func peek(_ offset: Int) -> UInt64 { unsafe bytes.load(fromByteOffset: offset, as: UInt64.self) }
}

/// The region as a driver reaches it. An access outside of it ends the test.
struct SharedRegionWindow: RegisterSpace {
    let model: SharedRegionModel
    var start = 0

    func window(at offset: Int) -> SharedRegionWindow { SharedRegionWindow(model: model, start: start + offset) }

    private func place(_ offset: Int, _ count: Int) -> UnsafeMutableRawPointer {
        model.meanwhile()
        let place = start + offset
        precondition(
            place >= 0 && place + count <= model.byteCount && place % count == 0, "an access outside of the region")
        return unsafe model.bytes + place
    }
    func load8(_ offset: Int) -> UInt8 { unsafe place(offset, 1).load(as: UInt8.self) }
    func load16(_ offset: Int) -> UInt16 { unsafe place(offset, 2).load(as: UInt16.self) }
    func load32(_ offset: Int) -> UInt32 { unsafe place(offset, 4).load(as: UInt32.self) }
    func load64(_ offset: Int) -> UInt64 { unsafe place(offset, 8).load(as: UInt64.self) }
    func store8(_ value: UInt8, _ offset: Int) { unsafe place(offset, 1).storeBytes(of: value, as: UInt8.self) }
    func store16(_ value: UInt16, _ offset: Int) { unsafe place(offset, 2).storeBytes(of: value, as: UInt16.self) }
    func store32(_ value: UInt32, _ offset: Int) { unsafe place(offset, 4).storeBytes(of: value, as: UInt32.self) }
    func store64(_ value: UInt64, _ offset: Int) { unsafe place(offset, 8).storeBytes(of: value, as: UInt64.self) }
}

/// A machine with its driver.
@safe
final class SharedMachine {
    let pool: PacketPool
    let poolMemory: UnsafeMutableRawPointer
    var card: SharedMemoryCard<SharedRegionWindow, TestDMA>
    var received: [[UInt8]] = []
    var faults: [String] = []

    init(_ region: SharedRegionModel, side: UInt8, random: UInt64, packets: Int = 64) throws(CardError) {
        let bytes = (packets + 1) * PacketPool.bufferSize
        unsafe poolMemory = .allocate(byteCount: bytes, alignment: 64)
        pool = unsafe PacketPool(memory: poolMemory, byteCount: bytes)!
        card = try SharedMemoryCard(
            SharedRegionWindow(model: region), byteCount: UInt64(region.byteCount), side: side,
            in: TestDMA(memory: TestMemory(byteCount: 4096)), pool: pool, random: random)
    }

    deinit { unsafe poolMemory.deallocate() }

    /// What `NetStack.poll` does with a device.
    func poll(_ now: UInt64, budget: Int = 64) {
        var left = budget
        card.reclaim(now: now)
        repeat {
            while left > 0, let packet = card.receive() {
                left -= 1
                received.append(copy(packet))
            }
            if left == 0 { break }
            card.reclaim(now: now)
        } while card.rearm()
        card.flush()
        while let message = card.takeFaultMessage() { faults.append("\(message)") }
    }

    /// False when the card has no room.
    func send(_ bytes: [UInt8]) -> Bool {
        guard var packet = pool.take() else { return false }
        packet.resize(to: bytes.count)
        var span = packet.mutableBytes
        for (i, byte) in bytes.enumerated() { span.setByte(byte, i) }
        return card.transmit(LentPacket(packet)) == nil
    }
}
