// Streams between two descriptors of one process, over the loopback.

import SystemInterface
import UserLibrary

enum StreamTests {
    static var all: [Test] { [Test("linger", linger), Test("lingerreader", lingerWithReader)] }

    /// Two ends of a connection, of which the first has sent as much as goes.
    private static func fullConnection() throws(SystemError) -> (full: FileDescriptor, other: FileDescriptor) {
        let listener = try System.listening(at: 0)
        let address = SocketAddress(NetworkAddress(ipv4: 0x7f00_0001), port: try System.localAddress(listener).port)
        let full = try System.connected(to: address)
        let (other, _) = try System.accept(listener)
        try System.close(listener)
        let bytes = [UInt8](repeating: 0x61, count: 65_536)
        var quiet = 0
        while quiet < 3 {
            do throws(SystemError) {
                _ = try System.sendStream(full, bytes.span, flags: .dontWait)
                quiet = 0
            } catch {
                expect(error == .tryAgain || error == .noBufferSpace, "a full stream makes its writer come again")
                quiet += 1
                try System.sleep(nanoseconds: 50_000_000)
            }
        }
        return (full, other)
    }

    private static func milliseconds(_ work: () throws(SystemError) -> Void) throws(SystemError) -> UInt64 {
        let start = System.clock
        try work()
        return (System.clock - start) / 1_000_000
    }

    /// SO_LINGER: close waits for a peer that reads nothing as long as it was told, and not without the option, nor
    /// while another descriptor has the connection.
    private static func linger() {
        do throws(SystemError) {
            for (value, least, most) in [(-1 as Int32, 0 as UInt64, 250 as UInt64), (0, 0, 250), (300, 300, 2000)] {
                let (full, other) = try fullConnection()
                try System.set(.linger, of: full, to: value)
                // -1, as it is unless it was set, cannot be told from a failure.
                let read = value >= 0 ? Int(value) : Int(Int32.max)
                expect(try System.option(.linger, of: full), read, "the option linger")
                let copy = try System.duplicate(full)
                let first = try milliseconds { () throws(SystemError) in try System.close(full) }
                expect(first < 250, "close waits though another descriptor is left")
                let last = try milliseconds { () throws(SystemError) in try System.close(copy) }
                expect(last >= least && last < most, "close waits as long as linger says")
                try System.close(other)
            }
            let socket = try System.socket(.stream)
            call(.setsockopt, int(Int(socket.rawValue)), int(Int(SocketOption.linger.rawValue)), int(-2)).fails(
                .invalidArgument, "linger -2")
            try System.close(socket)
        } catch {
            expect(Int(error.rawValue), 0, "the number of an error")
        }
    }

    /// It waits no longer than until the peer has all.
    private static func lingerWithReader() {
        do throws(SystemError) {
            let (full, other) = try fullConnection()
            let reader = try System.fork()
            if reader == 0 {
                try System.close(full)
                try System.sleep(nanoseconds: 200_000_000)
                var buffer = [UInt8](repeating: 0, count: 65_536)
                while try System.receiveStream(other, into: &buffer) > 0 {}
                System.exit(0)
            }
            try System.close(other)
            try System.sleep(nanoseconds: 100_000_000)  // the child has closed its copy
            try System.set(.linger, of: full, to: 20_000)
            let time = try milliseconds { () throws(SystemError) in try System.close(full) }
            expect(time >= 20 && time < 10_000, "close waits until the peer has all, and no longer")
            expect(Int(try System.wait(for: reader).shellStatus), 0, "the reader's status")
        } catch {
            expect(Int(error.rawValue), 0, "the number of an error")
        }
    }
}
