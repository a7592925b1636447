// nc: lines of the terminal out as datagrams, datagrams in as text.

import SystemInterface
import UserLibrary

@main enum NetCat: Program {
    static let usage: StaticString = """
        usage: nc -u [-w seconds] host port
               nc -u -l [-k] [-w seconds] port
               nc -u -l -e [-w seconds] port
        Sends what it reads from standard input to a UDP port, a datagram a line, and prints what comes back.
          -u          UDP; there is nothing else yet
          -l          listen on the port, and answer the first peer that writes
          -e          echo: send everything back to its sender, and print nothing (RFC 862)
          -k          listen to all peers, and answer the one that wrote last
          -w seconds  end when nothing came for so long
        """

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        var (isUDP, listens, keepsListening, echoes) = (false, false, false, false)
        var limit: Int32 = -1
        arguments.takeOptions(usage, withValue: "w") { letter, value in
            switch letter {
            case UInt8(ascii: "u"): isUDP = true
            case UInt8(ascii: "l"): listens = true
            case UInt8(ascii: "k"): keepsListening = true
            case UInt8(ascii: "e"): echoes = true
            case UInt8(ascii: "w"):
                guard let time = value.nanoseconds, time <= 1 << 50 else { return false }
                limit = Int32(time / 1_000_000)
            default: return false
            }
            return true
        }
        guard isUDP else { Arguments.refuse("only -u is there yet", usage) }
        guard listens || !echoes else { Arguments.refuse("-e wants -l", usage) }
        guard arguments.count == (listens ? 1 : 2) else { Arguments.refuse("address and port are wanted (only a port with -l)", usage) }
        guard let number = arguments[arguments.count - 1].number, number > 0, number <= 65535 else {
            fail("\(arguments[arguments.count - 1]): a port is a number from 1 to 65535")
        }
        let port = UInt16(number)
        do throws(SystemError) {
            let socket = try System.socket()
            if listens {
                try System.bind(socket, to: SocketAddress(.none, port: port))
            } else {
                try System.connect(socket, to: SocketAddress(addressOrEnd(arguments[0]), port: port))
            }
            if echoes { return try echo(socket, limit: limit) }
            return try talk(socket, isConnected: !listens, keepsListening: keepsListening, limit: limit)
        } catch {
            fail("\(error)")
        }
    }

    private static func echo(_ socket: Descriptor, limit: Int32) throws(SystemError) -> Int32 {
        var buffer = [UInt8](repeating: 0, count: 65536)
        if limit >= 0 { try System.set(.receiveTimeout, of: socket, to: max(1, limit)) }
        while true {
            do throws(SystemError) {
                let (count, source) = try receive(socket, &buffer)
                try send(socket, buffer, count, to: source)
            } catch .timedOut {
                return 0
            } catch .connectionRefused {}  // the sender has gone already
        }
    }

    private static func talk(
        _ socket: Descriptor, isConnected: Bool, keepsListening: Bool, limit: Int32
    ) throws(SystemError) -> Int32 {
        var entries = [PollEntry(descriptor: socket.rawValue), PollEntry(descriptor: Descriptor.standardInput.rawValue)]
        var buffer = [UInt8](repeating: 0, count: 65536)
        var peer: SocketAddress?
        var isConnected = isConnected
        while true {
            if try System.poll(&entries, milliseconds: limit) == 0 { return 0 }
            if entries[0].returned != 0 {
                let (count, source) = try receive(socket, &buffer)
                peer = source
                if !isConnected, !keepsListening {
                    try System.connect(socket, to: source)
                    isConnected = true
                }
                buffer.withUnsafeBufferPointer { standardOutput.write(UnsafeBufferPointer(rebasing: $0[..<count])) }
                standardOutput.flush()
            }
            if entries[1].returned != 0 {
                let count = try readPiece(.standardInput, into: &buffer)
                if count == 0 {
                    // The end of the input: wait for answers only as long as the limit says.
                    if limit < 0, isConnected { return 0 }
                    entries[1].descriptor = -1
                } else if isConnected || peer != nil {
                    try send(socket, buffer, count, to: isConnected ? nil : peer)
                }
            }
        }
    }

    private static func receive(_ socket: Descriptor, _ buffer: inout [UInt8]) throws(SystemError) -> (Int, SocketAddress) {
        var result: Swift.Result<(Int, SocketAddress), SystemError> = .failure(.badAddress)
        buffer.withUnsafeMutableBytes { bytes in
            do throws(SystemError) {
                let (count, source) = try System.receive(socket, bytes)
                result = .success((count, source))
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    private static func send(
        _ socket: Descriptor, _ buffer: [UInt8], _ count: Int, to peer: SocketAddress?
    ) throws(SystemError) {
        var failure: SystemError?
        buffer.withUnsafeBytes { bytes in
            do throws(SystemError) {
                try System.send(socket, UnsafeRawBufferPointer(rebasing: bytes[..<count]), to: peer)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
