// A process's 16 descriptors: each has a use of an open file. Only the process itself touches them, but for their
// count.

import Storage
import Synchronization
import SystemInterface

struct DescriptorTable: ~Copyable {
    private var files = [16 of FileRef?](repeating: nil)
    /// Keeps the compiler from copying the table where it is only looked at: a value with an atomic has an address.
    private let pin = Atomic<UInt32>(0)

    deinit { Self.close(files) }

    /// The file behind a descriptor, which may be any number a program made up.
    /// - Throws: badDescriptor.
    func file(_ descriptor: Int32) throws(SystemError) -> FileRef {
        guard descriptor >= 0, descriptor < 16, let file = files[Int(descriptor)] else { throw .badDescriptor }
        return file
    }

    /// Puts a file at the lowest free descriptor.
    /// - Throws: tooManyFiles; the file is closed then.
    mutating func add(_ file: consuming OpenFile) throws(SystemError) -> Int32 {
        for index in 0..<16 where files[index] == nil {
            files[index] = file.intoTable()
            return Int32(index)
        }
        throw .tooManyFiles
    }

    /// Takes a file out; nil if there is none.
    mutating func remove(_ descriptor: Int32) -> OpenFile? {
        guard descriptor >= 0, descriptor < 16, let file = files[Int(descriptor)].take() else { return nil }
        return OpenFile(owning: file)
    }

    /// Becomes a table with the same files; it was empty.
    mutating func copy(from other: borrowing DescriptorTable) {
        for index in 0..<16 {
            if let file = other.files[index] { files[index] = OpenFile.duplicate(file).intoTable() }
        }
    }

    /// Descriptors in use.
    var count: Int {
        var count = 0
        for index in 0..<16 where files[index] != nil { count += 1 }
        return count
    }

    mutating func closeAll() {
        let files = files
        self.files = [16 of FileRef?](repeating: nil)
        Self.close(files)
    }

    private static func close(_ files: [16 of FileRef?]) {
        for index in 0..<16 {
            if let file = files[index] { _ = OpenFile(owning: file) }
        }
    }
}
