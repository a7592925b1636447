// The card of shared memory beside a hostile neighbour: the input says what it writes where, and when the driver looks.

import Drivers
import NetStack

/// Memory that a card of shared memory never asks for.
private struct NoDMA: DMA {
    func allocate(byteCount: Int) -> UnsafeMutableRawPointer? { nil }
    func deviceAddress(of pointer: UnsafeMutableRawPointer) -> UInt64 { 0 }
    func load16(_ pointer: UnsafeMutableRawPointer) -> UInt16 { 0 }
    func load32(_ pointer: UnsafeMutableRawPointer) -> UInt32 { 0 }
    func store16(_ value: UInt16, _ pointer: UnsafeMutableRawPointer) {}
    func store32(_ value: UInt32, _ pointer: UnsafeMutableRawPointer) {}
    func store64(_ value: UInt64, _ pointer: UnsafeMutableRawPointer) {}
    func orderAll() {}
}

enum HostileNeighbour {
    /// Steps of ten bytes: what happens, where, and a value. Words that end at 0x80 are written into the half that the
    /// driver reads; above, into its own.
    static func run(_ input: [UInt8]) -> UInt64 {
        let region = SharedRegionModel(byteCount: 128 << 10)
        let poolBytes = 17 * PacketPool.bufferSize
        // given back below
        let memory = UnsafeMutableRawPointer.allocate(byteCount: poolBytes, alignment: 64)
        defer { unsafe memory.deallocate() }
        let window = SharedRegionWindow(model: region)
        guard let pool = unsafe PacketPool(memory: memory, byteCount: poolBytes),
            var card = try? SharedMemoryCard(
                window, byteCount: UInt64(region.byteCount), side: 1, in: NoDMA(), pool: pool, random: 5 << 32)
        else { return 0 }
        let half = region.byteCount / 2
        let places = [0, 0x40, 0x80, 0xc0]
        var now: UInt64 = 1_000_000
        var sum: UInt64 = 0
        for step in stride(from: 0, to: input.count - 9, by: 10) {
            let place = Int(input[step + 1] & 0x7f)
            let offset = place < 4 ? places[place] : 0x1000 + place % 24 * 2048
            var value: UInt64 = 0
            for byte in 0..<8 { value |= UInt64(input[step + 2 + byte]) << UInt64(8 * byte) }
            region.poke(value, (input[step + 1] & 0x80 == 0 ? half : 0) + offset)
            switch input[step] & 3 {
            case 0:
                if var packet = pool.take(), packet.resize(to: 14 + Int(input[step] >> 2) * 23) {
                    var bytes = packet.mutableBytes
                    for i in 0..<bytes.byteCount { bytes.setByte(UInt8(truncatingIfNeeded: i), i) }
                    _ = card.transmit(LentPacket(packet))
                }
                card.flush()
            case 1: break  // only what the neighbour wrote
            default:
                card.reclaim(now: now)
                var turns = 0
                repeat {
                    while let packet = card.receive() {
                        precondition(
                            packet.totalCount >= 14 && packet.totalCount <= 1514, "a frame of an impossible size")
                        sum &+= UInt64(packet.totalCount)
                        turns += 1
                        if turns > 2000 { break }
                    }
                    turns += 100
                } while card.rearm() && turns < 2000
                precondition(turns < 2000 || sum > 0, "a look that does not end")
                now += card.patience
            }
        }
        precondition(pool.freeCount == 16, "packets were lost")
        return sum &+ card.framesDropped
    }
}
