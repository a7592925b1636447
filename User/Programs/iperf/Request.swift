// What a client asks of a server beside receiving: to send, too. iperf 2 puts it at the start of a stream, and behind
// number and time into each datagram; all in network byte order.

import SystemInterface
import UserLibrary

/// Which way the bytes go.
enum Direction {
    /// From the client to the server.
    case out
    /// Then back, on a connection of the server's own (-r).
    case outThenBack
    /// Both ways at once, on two connections (-d).
    case both
    /// From the server to the client, on the client's connection (-R).
    case back
}

struct Request {
    var direction = Direction.out
    /// Where the client listens for what comes back.
    var port: UInt16 = 0
    /// Bytes of a write or datagram, and bits a second of datagrams; 0: as the server has it.
    var length = 0
    var rate: UInt64 = 0
    /// How long is sent, in nanoseconds, or how much.
    var time = UInt64.max
    var amount = UInt64.max

    /// The fields that were there first, and those that say -R.
    static var leastCount: Int { 24 }
    static var greatestCount: Int { 60 }

    /// Flags of the first word: the first fields mean something; more fields follow, with the second set of flags; their
    /// count, times two, is in the low half. And: both ways at once.
    private static var hasFirst: UInt32 { 0x8000_0000 }
    private static var hasMore: UInt32 { 0x4400_0000 }
    private static var hasCount: UInt32 { 0x0001_0000 }
    private static var atOnce: UInt32 { 1 }
    /// Of the second set.
    private static var isReverse: UInt32 { 0x0400_0000 }

    /// Writes the request into a payload, with other flags of the first word.
    func write(to bytes: inout [UInt8], at start: Int, flags others: UInt32 = 0) {
        var flags = others
        switch direction {
        case .out: break
        case .outThenBack: flags |= Self.hasFirst
        case .both: flags |= Self.hasFirst | Self.atOnce
        case .back:
            flags |= Self.hasMore | Self.hasCount | UInt32(Self.greatestCount << 1)
            Datagram.set(&bytes, start + 32, Self.isReverse)
        }
        Datagram.set(&bytes, start, flags)
        Datagram.set(&bytes, start + 4, 1)
        Datagram.set(&bytes, start + 8, UInt32(port))
        Datagram.set(&bytes, start + 12, UInt32(length))
        Datagram.set(&bytes, start + 16, UInt32(clamping: rate))
        // Positive: bytes; negative: hundredths of a second.
        let amount =
            amount < .max ? Int32(clamping: amount) : -Int32(clamping: max(1, time / 10_000_000))
        Datagram.set(&bytes, start + 20, UInt32(bitPattern: amount))
    }

    /// How many bytes of a stream say what is asked, as its first four tell.
    static func count(_ bytes: [UInt8]) -> Int {
        let flags = Datagram.word(bytes, 0)
        if flags & hasFirst != 0 { return leastCount }
        return flags & hasMore == hasMore && flags & hasCount != 0 ? greatestCount : 0
    }

    /// Reads what a client asks; nil: nothing, or what cannot be.
    init?(_ bytes: [UInt8], at start: Int, count: Int) {
        guard count - start >= Self.leastCount else { return nil }
        let flags = Datagram.word(bytes, start)
        if flags & Self.hasFirst != 0 {
            direction = flags & Self.atOnce != 0 ? .both : .outThenBack
        } else if flags & Self.hasMore == Self.hasMore, count - start >= Self.greatestCount,
            Datagram.word(bytes, start + 32) & Self.isReverse != 0
        {
            direction = .back
        } else {
            return nil
        }
        port = UInt16(truncatingIfNeeded: Datagram.word(bytes, start + 8))
        guard port != 0 || direction == .back else { return nil }
        length = Int(Datagram.word(bytes, start + 12))
        rate = UInt64(Datagram.word(bytes, start + 16))
        let wanted = Int32(bitPattern: Datagram.word(bytes, start + 20))
        if wanted < 0 { time = UInt64(wanted.magnitude) * 10_000_000 } else { amount = UInt64(wanted) }
    }

    init(_ settings: IPerf.Settings, isDatagram: Bool) {
        direction = settings.direction
        port = settings.listenPort
        length = isDatagram ? settings.length : 0
        rate = isDatagram ? settings.rate : 0
        time = settings.time
        amount = settings.amount
    }

    /// What the server sends with: its own settings, and what is asked within its limits.
    func settings(_ own: IPerf.Settings) -> IPerf.Settings {
        var settings = own
        settings.direction = .out
        settings.port = port
        settings.parallel = 1
        settings.isReturn = true
        settings.time = min(max(1, time), IPerf.longest)
        settings.amount = amount
        if length > 0 {
            settings.length = min(max(length, Datagram.leastCount), 65_507)
            settings.streamLength = min(length, 1_048_576)
        }
        if rate > 0 { settings.rate = rate }
        return settings
    }
}

/// Processes that send what clients asked for.
struct Helpers {
    private var count = 0
    private static var most: Int { 16 }

    /// Runs something in a process of its own; its result is the exit status.
    mutating func start(_ work: () throws(SystemError) -> Int32) {
        reap(waits: false)
        guard count < Self.most else { return complain("\(count) transfers are under way: no more is sent back") }
        standardOutput.flush()
        do throws(SystemError) {
            guard try System.fork() == 0 else {
                count += 1
                return
            }
        } catch {
            return complain("nothing is sent back: \(error)")
        }
        do throws(SystemError) {
            end(try work())
        } catch {
            fail("\(error)")
        }
    }

    /// Takes leave of those that have ended, or of all. Returns the status of one that failed, else 0.
    @discardableResult
    mutating func reap(waits: Bool) -> Int32 {
        var status: Int32 = 0
        while count > 0 {
            do throws(SystemError) {
                let ended = try System.wait(for: 0, sleeps: waits).shellStatus
                if ended != 0 { status = ended }
            } catch {
                return status
            }
            count -= 1
        }
        return status
    }
}
