// Files: opening, reading from the block cache and from the disk, writing, a file's whole life.

import SystemInterface
import UserLibrary

extension Bench {
    /// As much as fits xv6's largest file in whole calls: 64 of 4 KiB.
    private static let callsInFile = 64
    /// More files of that size than the block cache holds (1 MiB).
    private static let manyFiles = 6

    static var fileOperations: [Operation] {
        [
            Operation("open-close") { () throws(SystemError) in
                let path: Path = "/README"
                try measure("open-close", 200) { () throws(SystemError) in try System.close(try System.open(path)) }
            },
            Operation("stat") { () throws(SystemError) in
                let file = try System.open("/README")
                try measure("stat", 500) { () throws(SystemError) in _ = try System.status(file) }
                try System.close(file)
            },
            Operation("read-4k") { () throws(SystemError) in
                try withFiles(1) { () throws(SystemError) in
                    try readAll(0, size: 4096)
                    let total = try readAll(0, size: 4096)
                    show("read-4k", total, of: callsInFile)
                }
            },
            Operation("read-4k-disk") { () throws(SystemError) in
                try withFiles(manyFiles) { () throws(SystemError) in
                    var total: UInt64 = 0
                    for number in 0..<manyFiles { total += try readAll(number, size: 4096) }
                    show("read-4k-disk", total, of: manyFiles * callsInFile)
                }
            },
            Operation("write-4k") { () throws(SystemError) in
                try withFiles(1) { () throws(SystemError) in
                    show("write-4k", try overwrite(0, size: 4096), of: callsInFile)
                }
            },
            Operation("file-cycle") { () throws(SystemError) in
                var buffer = [UInt8](repeating: 7, count: 4096)
                let path: Path = "bench.tmp"
                try measure("file-cycle", 20) { () throws(SystemError) in
                    var file = try System.open(path, [.create, .readWrite])
                    try writePiece(file, buffer, count: 4096)
                    try System.close(file)
                    file = try System.open(path)
                    _ = try readPiece(file, into: &buffer)
                    try System.close(file)
                    try System.unlink(path)
                }
            },
            Operation("create-in-2000") { () throws(SystemError) in try createAmongMany(2000) },
            Operation("read-64k") { () throws(SystemError) in
                try withFiles(1) { () throws(SystemError) in
                    try readAll(0, size: 65536)
                    show("read-64k", try readAll(0, size: 65536), of: 4)
                }
            },
            Operation("write-64k") { () throws(SystemError) in
                try withFiles(1) { () throws(SystemError) in show("write-64k", try overwrite(0, size: 65536), of: 4) }
            },
        ]
    }

    /// create, close and unlink in a directory of so many names, all of them links to one file.
    private static func createAmongMany(_ count: Int) throws(SystemError) {
        try System.makeDirectory("many")
        try System.close(try System.open("many/0", [.create, .writeOnly]))
        for number in 1..<count { try System.link("many/0", as: Path("many/\(number)" as Text)) }
        try measure("create-in-2000", 20) { () throws(SystemError) in
            try System.close(try System.open("many/new", [.create, .writeOnly]))
            try System.unlink("many/new")
        }
        for number in 0..<count { try System.unlink(Path("many/\(number)" as Text)) }
        try System.unlink("many")
    }

    private static func path(_ number: Int) -> Path { Path("b.\(number)" as Text) }

    /// Makes files of 256 KiB, and removes them afterwards.
    private static func withFiles(_ count: Int, _ body: () throws(SystemError) -> Void) throws(SystemError) {
        for number in 0..<count {
            try System.close(try System.open(path(number), [.create, .truncate, .writeOnly]))
            _ = try overwrite(number, size: 65536)
        }
        try body()
        for number in 0..<count { try System.unlink(path(number)) }
    }

    /// Reads file `number` from start to end; the instructions of all the reads.
    @discardableResult
    private static func readAll(_ number: Int, size: Int) throws(SystemError) -> UInt64 {
        var buffer = [UInt8](repeating: 0, count: size)
        let file = try System.open(path(number))
        let total = try interval(callsInFile * 4096 / size, warmUp: 0) { () throws(SystemError) in
            guard try readPiece(file, into: &buffer) == size else { throw .inputOutput }
        }.instructions
        try System.close(file)
        return total
    }

    /// Writes file `number` from start to end; the instructions of all the writes.
    private static func overwrite(_ number: Int, size: Int) throws(SystemError) -> UInt64 {
        let buffer = [UInt8](repeating: 7, count: size)
        let file = try System.open(path(number), .writeOnly)
        let total = try interval(callsInFile * 4096 / size, warmUp: 0) { () throws(SystemError) in
            try writePiece(file, buffer, count: size)
        }.instructions
        try System.close(file)
        return total
    }
}
