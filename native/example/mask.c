/* Scores in a file (int8, rows of points of classes, as a quantized network gives them) become a
 * picture of classes: the least that a program does with libedgeseg.
 *
 *   mask scores.raw 44 60 11 1280 720 mask.pgm
 */
#include <edgeseg.h>
#include <stdio.h>
#include <stdlib.h>

static void* read_all(const char* path, size_t size) {
  FILE* file = fopen(path, "rb");
  void* data = malloc(size);
  const int whole = file && data && fread(data, 1, size, file) == size;
  if (file) fclose(file);
  if (whole) return data;
  free(data);
  return NULL;
}

static int write_pgm(const char* path, const uint8_t* classes, int width, int height) {
  const size_t size = (size_t)width * (size_t)height;
  FILE* file = fopen(path, "wb");
  if (!file) return 0;
  const int whole = fprintf(file, "P5\n%d %d\n255\n", width, height) > 0 &&
                    fwrite(classes, 1, size, file) == size;
  return fclose(file) == 0 && whole;
}

int main(int count, char** words) {
  if (count != 8) {
    fprintf(stderr, "usage: mask SCORES ROWS COLUMNS CLASSES WIDTH HEIGHT MASK.pgm\n");
    return 2;
  }
  const int rows = atoi(words[2]), columns = atoi(words[3]), classes = atoi(words[4]);
  const int width = atoi(words[5]), height = atoi(words[6]);
  if (rows < 1 || columns < 1 || classes < 1 || width < 1 || height < 1) return 2;

  int8_t* data = read_all(words[1], (size_t)rows * (size_t)columns * (size_t)classes);
  uint8_t* mask = malloc((size_t)width * (size_t)height);
  if (!data || !mask) {
    fprintf(stderr, "%s does not hold as many scores\n", words[1]);
    return 1;
  }
  const edgeseg_scores scores = {data,    EDGESEG_INT8,      rows,    columns,
                                 classes, columns * classes, classes, 1};
  const edgeseg_grid grid = {(double)columns / width, (double)rows / height, 0, 0, 0};
  edgeseg_decoded out = {0};
  out.height = height;
  out.width = width;
  out.classes = mask;
  out.classes_stride = width;
  char error[256] = "";
  if (edgeseg_decode(&scores, &grid, &out, error, sizeof error) != EDGESEG_OK) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  if (!write_pgm(words[7], mask, width, height)) {
    perror(words[7]);
    return 1;
  }
  printf("%s kernels\n", edgeseg_kernels());
  free(data);
  free(mask);
  return 0;
}
