// One process of the load: its actions, and how it verifies them. Each has a directory of its own and keeps the seed
// and length of its files: file n holds the numbers that come from its seed, up to its length.

import SystemInterface
import UserLibrary

struct Worker {
    private let number: Int
    private var random: Random
    /// The seed and length of each file; length -1: it does not exist.
    private var files: [(seed: UInt64, length: Int)]
    private var memory: [UInt64] = []
    private var buffer = [UInt8](repeating: 0, count: 5000)
    /// The action that is under way, for a message.
    private(set) var action: StaticString = "start"

    private static let fileCount = 6
    private static let longest = 60_000

    init(number: Int, seed: UInt64) {
        self.number = number
        random = Random(seed &+ UInt64(number) &* 7919)
        files = [(seed: UInt64, length: Int)](repeating: (0, -1), count: Self.fileCount)
    }

    mutating func prepare() throws(SystemError) {
        let name = directory
        try System.makeDirectory(name)
        try System.changeDirectory(name)
    }

    mutating func finish() throws(SystemError) {
        action = "the end"
        for file in 0..<Self.fileCount where files[file].length >= 0 {
            try verify(file)
            try System.unlink(Self.path(file))
        }
        try System.changeDirectory("..")
        try System.unlink(directory)
    }

    /// One action, at random. Throws, or ends the process, when a result is wrong.
    mutating func act() throws(SystemError) {
        let file = random.below(Self.fileCount)
        switch random.below(12) {
        case 0, 1, 2: try files[file].length < 0 ? create(file) : verify(file)
        case 3, 4: try append(file)
        case 5: try remove(file)
        case 6: try link(file)
        case 7: try tree()
        case 8: try pipe()
        case 9: try forkAndCompare()
        case 10: try execute()
        default: changeMemory()
        }
    }

    private static func path(_ file: Int) -> Path { Path("f\(file)" as Text) }
    private var directory: Path { Path("w\(number)" as Text) }

    // MARK: Files

    private static func byte(_ seed: UInt64, _ offset: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: ((seed &+ UInt64(offset)) &* 0x9e37_79b9_7f4a_7c15) >> 56)
    }

    private mutating func create(_ file: Int) throws(SystemError) {
        action = "creating a file"
        files[file] = (random.next(), 0)
        try System.close(try System.open(Self.path(file), [.create, .truncate, .writeOnly]))
        try append(file)
    }

    private mutating func append(_ file: Int) throws(SystemError) {
        guard files[file].length >= 0, files[file].length < Self.longest else { return }
        action = "appending to a file"
        let count = 1 + random.below(buffer.count)
        let seed = files[file].seed
        let start = files[file].length
        let descriptor = try System.open(Self.path(file), .readWrite)
        try check(descriptor, file)
        for index in 0..<count { buffer[index] = Self.byte(seed, start + index) }
        try writePiece(descriptor, buffer, count: count)
        try System.close(descriptor)
        files[file].length += count
    }

    private mutating func verify(_ file: Int) throws(SystemError) {
        action = "verifying a file"
        let descriptor = try System.open(Self.path(file))
        try check(descriptor, file)
        if Int(try System.status(descriptor).size) != files[file].length { isWrong("a file's size is wrong") }
        try System.close(descriptor)
    }

    /// Reads a file to its end and compares.
    private mutating func check(_ descriptor: FileDescriptor, _ file: Int) throws(SystemError) {
        var offset = 0
        while true {
            let count = try readPiece(descriptor, into: &buffer)
            if count == 0 { break }
            for index in 0..<count where buffer[index] != Self.byte(files[file].seed, offset + index) {
                isWrong("a file holds what was not written")
            }
            offset += count
        }
        if offset != files[file].length { isWrong("a file has another length") }
    }

    private mutating func remove(_ file: Int) throws(SystemError) {
        guard files[file].length >= 0 else { return }
        action = "removing a file"
        let keepsOpen = random.below(2) == 0
        let length = files[file].length
        let name = Self.path(file)
        let descriptor = try System.open(name)
        try System.unlink(name)
        if keepsOpen { try check(descriptor, file) }
        if Int(try System.status(descriptor).size) != length { isWrong("a file without a name has another size") }
        try System.close(descriptor)
        files[file].length = -1
    }

    private mutating func link(_ file: Int) throws(SystemError) {
        guard files[file].length >= 0 else { return }
        action = "linking a file"
        let name = Self.path(file)
        try System.link(name, as: "link")
        try System.unlink(name)
        try System.link("link", as: name)
        try System.unlink("link")
        try verify(file)
    }

    private mutating func tree() throws(SystemError) {
        action = "directories"
        let depth = 1 + random.below(4)
        for _ in 0..<depth {
            try System.makeDirectory("d")
            try System.changeDirectory("d")
        }
        for _ in 0..<depth {
            try System.changeDirectory("..")
            try System.unlink("d")
        }
    }

    // MARK: Processes and memory

    private func waitFor(_ pid: Int32, _ status: Int32) throws(SystemError) {
        let ended = try System.wait()
        if ended.pid != pid || ended.status != status { isWrong("a child ended with \(ended.status)") }
    }

    private func isWrong(_ what: Text) -> Never { fail("process \(number): \(what)") }

    /// Sends bytes through a child and back.
    private mutating func pipe() throws(SystemError) {
        action = "pipes"
        let there = try System.pipe()
        let back = try System.pipe()
        let pid = try System.fork()
        if pid == 0 {
            try System.close(there.write)
            while true {
                let count = try readPiece(there.read, into: &buffer)
                if count == 0 { System.exit(0) }
                for index in 0..<count { buffer[index] = ~buffer[index] }
                try writePiece(back.write, buffer, count: count)
            }
        }
        try System.close(there.read)
        try System.close(back.write)
        for _ in 0..<3 {
            let count = 1 + random.below(2000)
            let seed = random.next()
            for index in 0..<count { buffer[index] = Self.byte(seed, index) }
            try writePiece(there.write, buffer, count: count)
            var received = 0
            while received < count {
                let piece = try readPiece(back.read, into: &buffer)
                if piece == 0 { isWrong("a pipe ended early") }
                for index in 0..<piece where buffer[index] != ~Self.byte(seed, received + index) {
                    isWrong("a pipe gave what was not sent")
                }
                received += piece
            }
        }
        try System.close(there.write)
        try System.close(back.read)
        try waitFor(pid, 0)
    }

    /// A child changes all of its memory; the parent's stays.
    private mutating func forkAndCompare() throws(SystemError) {
        action = "fork"
        if memory.isEmpty { memory = [UInt64](repeating: 0, count: 8192) }
        let mark = random.next()
        for index in 0..<memory.count { memory[index] = mark &+ UInt64(index) }
        let pid = try System.fork()
        if pid == 0 {
            for index in 0..<memory.count {
                if memory[index] != mark &+ UInt64(index) { System.exit(1) }
                memory[index] = 0
            }
            System.exit(23)
        }
        for index in 0..<memory.count where index % 2 == 0 { memory[index] &+= 1 }
        try waitFor(pid, 23)
        for index in 0..<memory.count where memory[index] != mark &+ UInt64(index) &+ (index % 2 == 0 ? 1 : 0) {
            isWrong("memory changed after a fork")
        }
    }

    private mutating func execute() throws(SystemError) {
        action = "exec"
        let status = random.below(10)
        let pid = try System.fork()
        if pid == 0 {
            let words: [Text] = ["stress", "=exit", "\(status)"]
            try System.exec("/stress", ArgumentVector(words.map { $0.bytes }))
        }
        try waitFor(pid, Int32(status))
    }

    private mutating func changeMemory() {
        action = "memory"
        let count = 1 + random.below(40_000)
        memory = [UInt64](repeating: 0, count: count)
        for index in 0..<count where memory[index] != 0 { isWrong("fresh memory is not zero") }
        for index in 0..<count { memory[index] = UInt64(index) &* 3 }
        for index in 0..<count where memory[index] != UInt64(index) &* 3 {
            isWrong("memory does not keep what is stored")
        }
    }
}
