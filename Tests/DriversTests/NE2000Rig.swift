// An NE2000 model with its driver, worked as the kernel works it: interrupts wake `poll`, `patience` does without.

import Drivers

@testable import NetStack

@safe
final class NE2000Rig {
    let model: DP8390Model
    let pool: PacketPool
    let poolMemory: UnsafeMutableRawPointer
    var card: NE2000<ModelPorts>
    var now: UInt64 = 1_000_000
    private var polledAt: UInt64 = 0
    /// Frames that came out of the driver.
    var received: [[UInt8]] = []
    /// Frames that the driver gave back.
    var refused = 0
    var complaints: [String] = []
    var faults: [String] = []

    init(_ model: DP8390Model, width: NE2000Width = .long, packets: Int = 64, expectingSignature: Bool = true)
        throws(NE2000Error)
    {
        self.model = model
        let bytes = (packets + 1) * PacketPool.bufferSize
        unsafe poolMemory = .allocate(byteCount: bytes, alignment: 64)
        pool = unsafe PacketPool(memory: poolMemory, byteCount: bytes)!
        card = try NE2000(ModelPorts(model: model), width: width, pool: pool, expectingSignature: expectingSignature)
        _ = card.rearm()
    }

    deinit { unsafe poolMemory.deallocate() }

    /// What `NetStack.poll` does with a device.
    func poll(budget: Int = 64) {
        polledAt = now
        var left = budget, turns = 0
        card.reclaim(now: now)
        repeat {
            while left > 0, let packet = card.receive() {
                left -= 1
                received.append(copy(packet))
            }
            if left == 0 { return }
            card.reclaim(now: now)
            turns += 1
            if turns > 100 { return complaints.append("poll does not end") }
        } while card.rearm()
        while let message = card.takeFaultMessage() { faults.append("\(message)") }
    }

    /// Lets time pass, with polls where the line is up or patience is over.
    func run(for nanoseconds: UInt64, step: UInt64 = 1_000_000) {
        let end = now + nanoseconds
        while now < end {
            now += step
            if model.isLineUp || (card.patience != .max && now - polledAt >= card.patience) { poll() }
        }
    }

    func send(_ bytes: [UInt8]) -> Bool {
        guard var packet = pool.take() else { return false }
        packet.resize(to: bytes.count)
        var span = packet.mutableBytes
        for (i, byte) in bytes.enumerated() { span.setByte(byte, i) }
        if card.transmit(LentPacket(packet)) == nil { return true }
        refused += 1
        return false
    }

    /// A frame to the card with this many bytes.
    func frame(_ count: Int, _ seed: Int) -> [UInt8] {
        model.address + (6..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ seed &+ $0 >> 8) }
    }
}

struct ModelPorts: Registers {
    let model: DP8390Model
    func load8(_ offset: Int) -> UInt8 { model.load8(offset) }
    func load16(_ offset: Int) -> UInt16 { model.load16(offset) }
    func load32(_ offset: Int) -> UInt32 { model.load32(offset) }
    func load64(_ offset: Int) -> UInt64 { fatalError("no port has 64 bits") }
    func store8(_ value: UInt8, _ offset: Int) { model.store8(value, offset) }
    func store16(_ value: UInt16, _ offset: Int) { model.store16(value, offset) }
    func store32(_ value: UInt32, _ offset: Int) { model.store32(value, offset) }
    func store64(_ value: UInt64, _ offset: Int) { fatalError("no port has 64 bits") }
}

extension DP8390Model {
    /// The CRC by its polynomial, the other way round than the driver does it.
    static func hash(_ address: [UInt8]) -> Int {
        var crc: UInt32 = 0xffff_ffff
        for byte in address {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 != 0 ? 0xedb8_8320 : 0) }
        }
        var reversed = 0
        for bit in 0..<6 where crc & 1 << UInt32(bit) != 0 { reversed |= 1 << (5 - bit) }
        return reversed
    }
}
