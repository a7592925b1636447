// A machine on one side of a memory that two share, worked as the kernel works it.

import Drivers
import FuzzTargets

@testable import NetStack

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
