public import UserMachine
@inline(__always) public func writeRaw(_ fd: Int, _ p: UnsafeRawPointer, _ n: Int) -> Int {
    Int(system_call(16, UInt64(fd), UInt64(UInt(bitPattern: p)), UInt64(n), 0, 0, 0).value)
}
