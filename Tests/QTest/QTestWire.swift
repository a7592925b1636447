// The other end of a network card's cable: one frame a datagram.

import Foundation
import HostGuest

public final class QTestWire {
    private let machine: QTestMachine
    private let descriptor: Int32
    private let far: String

    /// - Parameter number: of the back end: 0 is `-netdev` n0.
    public init(_ machine: QTestMachine, number: Int = 0) throws {
        self.machine = machine
        descriptor = try UnixSocket.bound(.datagram, "\(machine.folder.path)/test\(number)")
        far = "\(machine.folder.path)/qemu\(number)"
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// Sends a frame to the card. False when QEMU does not take it: at once, or within five seconds.
    @discardableResult
    public func send(_ frame: [UInt8], waiting: Bool = true) -> Bool {
        machine.synchronise()  // what makes the card receive may still wait in a batch
        return UnixSocket.send(frame, from: descriptor, to: far, waiting: waiting)
    }

    /// The next frame that the card sent; nil when none comes within this time.
    public func receive(milliseconds: Int32 = 5000) -> [UInt8]? {
        machine.synchronise()  // or send
        guard UnixSocket.isReadable(descriptor, milliseconds: milliseconds) else { return nil }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
        return count >= 0 ? Array(buffer[..<count]) : nil
    }
}
