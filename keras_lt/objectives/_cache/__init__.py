"""The parts of `TeacherCache`: what is written, and how it is read."""
