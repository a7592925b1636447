// Pipes between two processes, and what a switch between them takes.

import SystemInterface
import UserLibrary

extension Bench {
    static var pipeOperations: [Operation] {
        [
            Operation("pipe-round-trip") { () throws(SystemError) in
                show("pipe-round-trip", try pipeRoundTrips(500).instructions, of: 500)
            },
            // A switch is what two processes take longer than one that talks to itself: going to sleep, the switch,
            // being woken.
            Operation("context-switch") { () throws(SystemError) in
                let pipe = try System.pipe()
                var byte = [UInt8](repeating: 0, count: 1)
                let alone = try interval(500) { () throws(SystemError) in
                    try writePiece(pipe.write, byte, count: 1)
                    _ = try readPiece(pipe.read, into: &byte)
                }
                try close(pipe)
                let both = try pipeRoundTrips(500)
                show("context-switch", both.instructions - 2 * alone.instructions, of: 1000)
            },
            Operation("pipe-64k-4096") { () throws(SystemError) in try pipeStream("pipe-64k-4096", 4096) },
            Operation("pipe-64k-512") { () throws(SystemError) in try pipeStream("pipe-64k-512", 512) },
        ]
    }

    private static func close(_ pipe: (read: FileDescriptor, write: FileDescriptor)) throws(SystemError) {
        try System.close(pipe.read)
        try System.close(pipe.write)
    }

    /// One byte there and back, `count` times.
    private static func pipeRoundTrips(_ count: Int) throws(SystemError) -> Interval {
        let there = try System.pipe()
        let back = try System.pipe()
        var byte = [UInt8](repeating: 0, count: 1)
        try child { () throws(SystemError) in
            try System.close(there.write)
            while try readPiece(there.read, into: &byte) == 1 { try writePiece(back.write, byte, count: 1) }
        }
        let interval = try interval(count) { () throws(SystemError) in
            try writePiece(there.write, byte, count: 1)
            _ = try readPiece(back.read, into: &byte)
        }
        try close(there)
        try close(back)
        _ = try System.wait()
        return interval
    }

    /// 64 KiB from one process to another in calls of so many bytes.
    private static func pipeStream(_ name: StaticString, _ size: Int) throws(SystemError) {
        let rounds = 20
        let pipe = try System.pipe()
        var buffer = [UInt8](repeating: 7, count: size)
        try child { () throws(SystemError) in
            try System.close(pipe.read)
            for _ in 0..<(rounds + 1) * 65536 / size { try writePiece(pipe.write, buffer, count: size) }
        }
        try measure(name, rounds, warmUp: 1) { () throws(SystemError) in
            var left = 65536
            while left > 0 { left -= try readPiece(pipe.read, into: &buffer) }
        }
        try close(pipe)
        _ = try System.wait()
    }
}
