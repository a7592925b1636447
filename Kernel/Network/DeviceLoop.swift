// The practical limit of a card: frames that go straight through the driver, without a stack and without a program.
// What `bench` compares the stack with.

import Drivers
import NetStack
import SystemInterface

extension Network {
    /// Sends so many frames of so many bytes to a station that is not there, the card's ring kept full; returns how many
    /// the card took.
    static func loopDevice(_ interface: Int, count: Int, byteCount: Int) throws(SystemError) -> Int {
        guard count >= 0, count <= 10_000, byteCount >= 60, byteCount <= 1514 else { throw .invalidArgument }
        guard BootArguments.options.allowsMeasuring else { throw .notPermitted }
        var sent = 0
        while sent < count {
            let batch = min(count - sent, mostAtOnce)
            let taken = try withStack { (stack) throws(SystemError) -> Int in
                let pool = stack.pool
                guard
                    let taken = stack.withDevice(
                        .card(interface), { Self.send(batch, of: byteCount, through: &$0, pool) })
                else {
                    throw .networkDown
                }
                return taken
            }
            sent += taken
            if taken < batch { break }
            try Scheduler.checkpoint()
        }
        return sent
    }

    /// Frames that are sent before the stack's lock is given to others.
    private static var mostAtOnce: Int { 32 }

    /// As many at a time as the card's ring and the senders' packets allow.
    private static func send<Device: NetworkDevice & ~Copyable>(
        _ count: Int, of byteCount: Int, through device: inout Device, _ pool: PacketPool
    ) -> Int {
        var sent = 0
        var patience = 1_000_000  // looks at a card that has no room; one that works needs a handful
        while sent < count, patience > 0 {
            if let frame = emptyFrame(of: byteCount, pool, from: device.hardwareAddress),
                device.transmit(LentPacket(frame)) == nil
            {
                sent += 1
                continue
            }
            device.flush()
            device.reclaim(now: Clock.nanoseconds)
            patience -= 1
        }
        device.flush()
        return sent
    }

    /// Zeros to a station that is not there, of a type for experiments (IEEE 802, 0x88b5).
    private static func emptyFrame(of byteCount: Int, _ pool: PacketPool, from source: EthernetAddress) -> Packet? {
        guard var frame = pool.take(.sending), frame.resize(to: byteCount) else { return nil }
        var bytes = frame.mutableBytes
        // What the packet carried before is not for the wire.
        for word in 0..<byteCount / 4 { bytes.setBE32(0, 4 * word) }
        bytes.setBE16(0, byteCount - 2)
        EthernetHeader(destination: EthernetAddress(2, 0, 0, 0, 0, 1), source: source, type: 0x88b5).emit(to: &bytes)
        return frame
    }
}
