// A process's 16 descriptors. Only the process itself touches them.

import SystemInterface

struct DescriptorTable {
    private var files = [16 of OpenFileRef?](repeating: nil)

    /// The file behind a descriptor, which may be any number a program made up.
    subscript(_ descriptor: Int32) -> OpenFileRef? {
        descriptor >= 0 && descriptor < 16 ? files[Int(descriptor)] : nil
    }

    /// Puts a file at the lowest free descriptor; the reference is the table's from then on.
    mutating func add(_ file: OpenFileRef) throws(SystemError) -> Int32 {
        for index in 0..<16 where files[index] == nil {
            files[index] = file
            return Int32(index)
        }
        throw .tooManyFiles
    }

    /// Frees a descriptor; the reference is the caller's from then on.
    mutating func remove(_ descriptor: Int32) -> OpenFileRef? {
        guard let file = self[descriptor] else { return nil }
        files[Int(descriptor)] = nil
        return file
    }

    /// Becomes a copy that shares the files.
    mutating func copy(from other: borrowing DescriptorTable) {
        for index in 0..<16 {
            files[index] = other.files[index]
            if let file = files[index] { OpenFiles.retain(file) }
        }
    }

    /// Descriptors in use.
    var count: Int {
        var count = 0
        for index in 0..<16 where files[index] != nil { count += 1 }
        return count
    }

    mutating func closeAll() {
        for index in 0..<16 {
            if let file = files[index].take() { OpenFiles.release(file) }
        }
    }
}
