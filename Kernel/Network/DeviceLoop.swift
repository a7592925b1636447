// The practical limit of a card: frames that go straight through the driver, without a stack and without a program.
// What `bench` compares the stack with.

import Drivers
import NetStack
import SystemInterface

extension Network {
    /// Sends so many frames of 60 bytes to a station that is not there, each submitted by itself; returns how many the
    /// card took.
    static func loopDevice(_ interface: Int, count: Int) throws(SystemError) -> Int {
        guard count >= 0, count <= 10_000 else { throw .invalidArgument }
        guard BootArguments.options.allowsMeasuring else { throw .notPermitted }
        var sent = 0
        while sent < count {
            let batch = min(count - sent, mostAtOnce)
            let taken = try withStack { (stack) throws(SystemError) -> Int in
                let pool = stack.pool
                guard let taken = stack.withDevice(.card(interface), { Self.send(batch, through: &$0, pool) }) else {
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

    /// One at a time: the next one goes when the card has given the buffer of the last one back.
    private static func send<Device: NetworkDevice & ~Copyable>(
        _ count: Int, through device: inout Device, _ pool: PacketPool
    ) -> Int {
        device.reclaim(now: Clock.nanoseconds)  // buffers that it still lacks to receive into do not count then
        for sent in 0..<count {
            let free = pool.freeCount
            guard let frame = emptyFrame(pool, from: device.hardwareAddress), device.transmit(LentPacket(frame)) == nil
            else { return sent }
            device.flush()
            var patience = 1_000_000  // looks; a card that works needs a handful
            repeat {
                device.reclaim(now: Clock.nanoseconds)
                patience -= 1
            } while pool.freeCount < free && patience > 0
            if patience == 0 { return sent }
        }
        return count
    }

    /// To a station that is not there, of a type for experiments (IEEE 802, 0x88b5).
    private static func emptyFrame(_ pool: PacketPool, from source: EthernetAddress) -> Packet? {
        guard var frame = pool.take(.sending), frame.resize(to: 60) else { return nil }
        var bytes = frame.mutableBytes
        EthernetHeader(destination: EthernetAddress(2, 0, 0, 0, 0, 1), source: source, type: 0x88b5).emit(to: &bytes)
        return frame
    }
}
