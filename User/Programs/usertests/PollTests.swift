// poll, on pipes and sockets; and the addresses that the socket calls take.

import SystemInterface
import UserLibrary

enum PollTests {
    static var all: [Test] {
        [
            Test("pollpipe", pipe), Test("pollwakes", wakes), Test("polltimes", times), Test("pollsocket", socket),
            Test("pollbounds", bounds), Test("pollmany", many),
            Test("sockaddresses", addresses),
        ]
    }

    /// What poll returns for one descriptor, without waiting.
    private static func poll(_ descriptor: UInt, _ events: Int16, milliseconds: Int = 0) -> Int16 {
        var entry = PollEntry(descriptor: Int32(truncatingIfNeeded: descriptor), events: events)
        let ready = withAddress(of: &entry) { call(.poll, $0, 1, int(milliseconds)).succeeds("poll") }
        expect(ready, entry.returned == 0 ? 0 : 1, "entries that poll counts")
        return entry.returned
    }

    private static let both = PollEntry.readable | PollEntry.writable

    private static func pipe() {
        let bytes = memory(2 * page)
        let ends = PipeTests.make()
        expect(poll(ends.read, both) == 0, "an empty pipe is not readable")
        expect(poll(ends.write, both) == PollEntry.writable, "an empty pipe is writable")
        call(.write, ends.write, at(bytes), page).gives(Int(page), "write of a page")
        expect(poll(ends.read, both) == PollEntry.readable, "a full pipe is readable")
        expect(poll(ends.write, both) == 0, "a full pipe is not writable")
        call(.read, ends.read, at(bytes), 1).gives(1, "read of a byte")
        expect(poll(ends.write, both) == PollEntry.writable, "a pipe with room is writable")
        close(ends.write)
        expect(poll(ends.read, both) == PollEntry.readable | PollEntry.hangUp, "a pipe whose writers are gone hangs up")
        expect(poll(ends.read, 0) == PollEntry.hangUp, "a hang-up is reported unasked")
        close(ends.read)
        let others = PipeTests.make()
        close(others.read)
        expect(poll(others.write, 0) == PollEntry.error, "a pipe without a reader is in error")
        close(others.write)
    }

    /// A poll that waits is woken by its own descriptor, read or written or hung up.
    private static func wakes() {
        for event in 0..<2 {
            let ends = PipeTests.make()
            _ = child {
                pause(2)
                if event == 0 { call(.write, ends.write, at("x"), 1).gives(1, "write") }
                exit(0)
            }
            close(ends.write)
            let wanted = event == 0 ? PollEntry.readable : PollEntry.readable | PollEntry.hangUp
            expect(poll(ends.read, PollEntry.readable, milliseconds: -1) & wanted == wanted, "poll wakes")
            expect(waitStatus(), 0, "the writer's status")
            close(ends.read)
        }
    }

    /// What happens elsewhere does not end a poll.
    private static func times() {
        let quiet = PipeTests.make(), busy = PipeTests.make()
        _ = child {
            for _ in 0..<50 { call(.write, busy.write, at("x"), 1).gives(1, "write") }
            exit(0)
        }
        let start = System.clock
        expect(poll(quiet.read, PollEntry.readable, milliseconds: 300) == 0, "nothing comes")
        expect(System.clock - start >= 300_000_000, "poll waits as long as it was asked to")
        expect(waitStatus(), 0, "the writer's status")
        for end in [quiet.read, quiet.write, busy.read, busy.write] { close(end) }
    }

    private static func bind(_ socket: UInt, _ address: SocketAddress) -> Outcome {
        var address = address
        return withAddress(of: &address) { call(.bind, socket, $0) }
    }

    private static func connect(_ socket: UInt, _ address: SocketAddress) -> Outcome {
        var address = address
        return withAddress(of: &address) { call(.connect, socket, $0) }
    }

    private static let loopback = NetworkAddress(ipv4: 0x7f00_0001)

    private static func socket() {
        let socket = UInt(call(.socket, 0).succeeds("socket"))
        expect(poll(socket, both) == PollEntry.writable, "a new socket is writable")
        bind(socket, SocketAddress(.none, port: 4711)).gives(0, "bind")
        connect(socket, SocketAddress(loopback, port: 4711)).gives(0, "connect to itself")
        call(.sendto, socket, at("hello"), 5).gives(5, "send")
        expect(poll(socket, both) == both, "a socket with a datagram is readable")
        let bytes = memory(page)
        call(.read, socket, at(bytes), 100).gives(5, "read")
        expect(poll(socket, both) == PollEntry.writable, "a socket that was read is not readable")
        connect(socket, SocketAddress(loopback, port: 4712)).gives(0, "connect to no socket")
        call(.sendto, socket, at("x"), 1).gives(1, "send to no socket")
        expect(poll(socket, 0) == PollEntry.error, "a refused datagram is reported unasked")
        call(.read, socket, at(bytes), 100).fails(.connectionRefused, "read")
        expect(poll(socket, both) == PollEntry.writable, "an error is reported once")
        close(socket)
    }

    /// A thousand descriptors in one call: each of them wakes it.
    private static func many() {
        let before = resourcesBefore()
        inChild(0, "a poll of a thousand descriptors") {
            let ends = PipeTests.make()
            let other = PipeTests.make()
            var descriptors: [UInt] = []
            for _ in 0..<500 {
                descriptors.append(UInt(call(.dup, other.read).succeeds("dup")))
                descriptors.append(UInt(call(.socket, 0).succeeds("socket")))
            }
            let entries = memory(4 * page).of(PollEntry.self)
            for number in [0, 517, 1000] {
                for index in 0...1000 {
                    let descriptor = index == number ? ends.read : descriptors[index < number ? index : index - 1]
                    entries[index] = PollEntry(descriptor: Int32(descriptor), events: PollEntry.readable)
                }
                call(.poll, at(entries), 1001, 0).gives(0, "nothing is there yet")
                child {
                    call(.sleep, 2).succeeds("sleep")
                    call(.write, ends.write, at("x"), 1).gives(1, "write")
                }
                call(.poll, at(entries), 1001, UInt(bitPattern: -1)).gives(1, "poll")
                for index in 0...1000 {
                    expect(entries[index].returned == (index == number ? PollEntry.readable : 0), "what poll fills in")
                }
                call(.read, ends.read, at(memory(page)), 10).gives(1, "read of the byte")
                expect(waitStatus(), 0, "the writer")
            }
            let start = System.clock
            call(.poll, at(entries), 1001, 200).gives(0, "a poll that waits for nothing")
            expect(System.clock - start >= 200_000_000, "it waits as long as it was asked to")
        }
        expect(Int(resources().openFiles), Int(before.openFiles), "open files afterwards")
    }

    private static func bounds() {
        expect(poll(99, both) == PollEntry.invalid, "a descriptor that is not open")
        expect(poll(UInt(bitPattern: -1), both) == 0, "a negative descriptor is left out")
        let entries = memory(page)
        call(.poll, at(entries), 100_000, 0).fails(.invalidArgument, "more entries than there are descriptors")
        call(.poll, at(entries), UInt(bitPattern: -1), 0).fails(.invalidArgument, "a negative count")
        call(.poll, 0x3f_ffff_e000, 1, 0).fails(.badAddress, "entries that are not there")
        call(.poll, 0, 0, 10).gives(0, "no entries")
    }

    /// Addresses cross by pointer; a pointer of 0 means no peer, and neither port 0 nor 0.0.0.0 does.
    private static func addresses() {
        let socket = UInt(call(.socket, 0).succeeds("socket"))
        call(.connect, socket, 0x3f_ffff_e000).fails(.badAddress, "connect to an address that is not there")
        call(.bind, socket, 0x3f_ffff_e000).fails(.badAddress, "bind to an address that is not there")
        connect(socket, SocketAddress(loopback, port: 0)).fails(.invalidArgument, "connect to port 0")
        connect(socket, SocketAddress(NetworkAddress(ipv4: 0), port: 9)).fails(.invalidArgument, "connect to 0.0.0.0")
        connect(socket, SocketAddress(NetworkAddress(high: 1 << 61, low: 1), port: 9)).fails(
            nil, "connect to an address without a way")
        call(.sendto, socket, at("x"), 1).fails(.destinationRequired, "send without a peer")
        connect(socket, SocketAddress(loopback, port: 4713)).gives(0, "connect")
        var address = SocketAddress.none
        withAddress(of: &address) { call(.getpeername, socket, $0).gives(0, "getpeername") }
        expect(address == SocketAddress(loopback, port: 4713), "the peer")
        call(.connect, socket, 0).gives(0, "disconnect")
        withAddress(of: &address) {
            call(.getpeername, socket, $0).fails(.notConnected, "getpeername")
        }
        close(socket)
    }
}
